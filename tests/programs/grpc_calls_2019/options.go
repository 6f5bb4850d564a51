package main

import "google.golang.org/grpc"

var options = []grpc.DialOption{grpc.WithInsecure()}
