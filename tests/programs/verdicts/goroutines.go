package main

// leakGoroutines starts one in each step whose answer nobody reads.
func leakGoroutines(step int) {
	answer := make(chan int)
	go answerNobody(answer, step)
	churn(step)
}

func answerNobody(answer chan<- int, step int) {
	answer <- step
}

var jobs chan int

// poolOfGoroutines starts a hundred and gives them work.
func poolOfGoroutines(step int) {
	if jobs == nil {
		jobs = make(chan int)
		for n := 0; n < 100; n++ {
			go work(jobs)
		}
	}
	jobs <- step
	churn(step)
}

func work(jobs <-chan int) {
	for job := range jobs {
		_ = entry(job & 0xff)
	}
}
