// Program cluster is a Kubernetes client with the types of every API group.
package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

func main() {
	client, err := corev1.NewForConfig(&rest.Config{Host: "localhost"})
	if err != nil {
		panic(err)
	}
	pods, err := client.Pods("").List(context.Background(), metav1.ListOptions{})
	fmt.Println(pods, err)
}
