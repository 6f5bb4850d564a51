package main

// prepareSpawn returns an operation that creates one goroutine and waits until it has worked some
// 50 us: a second has fewer of them than the budget of who watches creations.
func prepareSpawn() func() {
	done := make(chan uint64)
	return func() {
		spawn(done)
		<-done
	}
}

//go:noinline
func spawn(done chan<- uint64) {
	go func() {
		sum := uint64(1)
		for i := uint64(0); i < 50000; i++ {
			sum = sum*31 + i
		}
		done <- sum
	}()
}
