package main

// What is called otherwise in other years' releases of these libraries.

import (
	"context"
	"database/sql"

	"github.com/go-redis/redis/v7"
	"github.com/jackc/pgx/v4"
	_ "github.com/lib/pq"
	"google.golang.org/grpc"
)

var plaintext = grpc.WithInsecure()

//go:noinline
func redisForgotten(address string) {
	client := redis.NewClient(&redis.Options{Addr: address})
	check(client.Ping().Err())
	keep(client)
}

//go:noinline
func redisClosed(address string) {
	client := redis.NewClient(&redis.Options{Addr: address})
	check(client.Ping().Err())
	check(client.Close())
}

//go:noinline
func sqlForgotten(address string) {
	database, err := sql.Open("postgres", "postgres://user@"+address+"/db?sslmode=disable")
	check(err)
	check(database.Ping())
	keep(database)
}

//go:noinline
func sqlClosed(address string) {
	database, err := sql.Open("postgres", "postgres://user@"+address+"/db?sslmode=disable")
	check(err)
	check(database.Ping())
	check(database.Close())
}

//go:noinline
func pgxForgotten(address string) {
	conn, err := pgx.Connect(context.Background(), "postgres://user@"+address+"/db?sslmode=disable")
	check(err)
	check(conn.Ping(context.Background()))
	keep(conn)
}

//go:noinline
func pgxClosed(address string) {
	conn, err := pgx.Connect(context.Background(), "postgres://user@"+address+"/db?sslmode=disable")
	check(err)
	check(conn.Ping(context.Background()))
	check(conn.Close(context.Background()))
}
