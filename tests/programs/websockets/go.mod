module programs

go 1.15

require (
	github.com/googollee/go-socket.io v1.4.4
	github.com/gorilla/context v1.1.1
	github.com/gorilla/sessions v1.1.1
	github.com/gorilla/websocket v1.4.2
)
