package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// between is the time between two requests of users.
const between = 60 * time.Millisecond

// beOthers serves secrets, says where, and sends requests to the proxy for ever.
func beOthers(proxy string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	certificate, der := selfSigned()
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	secretmanagerpb.RegisterSecretManagerServiceServer(server, secrets{})
	go server.Serve(listener)
	fmt.Printf("%s %x\n", listener.Addr(), der)
	for range time.Tick(between) {
		answer, err := http.Get("http://" + proxy)
		if err != nil {
			continue
		}
		_, err = io.Copy(io.Discard, answer.Body)
		check(err)
		answer.Body.Close()
	}
}

type secrets struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
}

func (secrets) AccessSecretVersion(_ context.Context, wanted *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	payload := &secretmanagerpb.SecretPayload{Data: make([]byte, 1024)}
	return &secretmanagerpb.AccessSecretVersionResponse{Name: wanted.Name, Payload: payload}, nil
}

func selfSigned() (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		DNSNames:              []string{"localhost"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, der
}
