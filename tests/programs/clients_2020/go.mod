module programs

go 1.13

require (
	github.com/go-redis/redis/v7 v7.4.1
	github.com/gorilla/websocket v1.4.2
	github.com/jackc/pgx/v4 v4.6.0
	github.com/lib/pq v1.7.0
	google.golang.org/grpc v1.30.0
)
