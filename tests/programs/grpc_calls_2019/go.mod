module programs

go 1.13

require google.golang.org/grpc v1.25.1
