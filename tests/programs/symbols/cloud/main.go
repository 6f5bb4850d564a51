// Program cloud is a client of a cloud service: gRPC, TLS, protocol buffers, tracing, OAuth.
package main

import (
	"context"
	"fmt"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
)

func main() {
	client, err := secretmanager.NewClient(context.Background())
	fmt.Println(client, err)
}
