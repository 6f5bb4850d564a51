// Command secrets is a proxy that fetches a secret for each request it serves: "leak" makes a
// client of the secret manager in each and never closes it, "share" makes one for all.
//
// The other end, this program once more, is the secret manager and the users.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"programs/control"
)

var truth control.Truth

func main() {
	if os.Args[1] == "peer" {
		beOthers(os.Args[2])
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	service := newProxy(control.Peer("peer", listener.Addr().String()))
	if os.Args[1] == "share" {
		service.shared, err = secretmanager.NewClient(context.Background(), service.options...)
		check(err)
		truth.Opened("main.main")
	}
	go http.Serve(listener, service)
	truth.Obey(control.Commands())
}

type proxy struct {
	options []option.ClientOption
	shared  *secretmanager.Client
}

// newProxy is told where the secret manager is, and what certificate it has.
func newProxy(peer string) *proxy {
	var address string
	var certificate []byte
	_, err := fmt.Sscanf(peer, "%s %x", &address, &certificate)
	check(err)
	root, err := x509.ParseCertificate(certificate)
	check(err)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	security := credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "localhost"})
	return &proxy{options: []option.ClientOption{
		option.WithEndpoint(address),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(security)),
	}}
}

func (proxy *proxy) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	client := proxy.shared
	if client == nil {
		own, err := secretmanager.NewClient(request.Context(), proxy.options...)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		client = own
	}
	wanted := &secretmanagerpb.AccessSecretVersionRequest{Name: "projects/shop/secrets/key/versions/1"}
	secret, err := client.AccessSecretVersion(request.Context(), wanted)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadGateway)
		return
	}
	if client != proxy.shared {
		// The connection is there: it was made for the first question.
		truth.Opened("main.(*proxy).ServeHTTP")
	}
	page := strings.Repeat("<li>item</li>", 20000)
	fmt.Fprintln(answer, page, len(secret.Payload.Data))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "secrets:", err)
		os.Exit(1)
	}
}
