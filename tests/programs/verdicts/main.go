// Command verdicts is sick or healthy as its first argument says, until "exit" comes.
//
// Each disease stands beside the healthy program that looks alike.
package main

import (
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"programs/control"
)

// programs are run until the process ends; what a step makes says how far they are.
var programs = map[string]func(step int){
	"heap-growth":          growHeap,
	"heap-bounded":         boundedHeap,
	"cache-warming":        warmCache,
	"spike":                spike,
	"goroutine-leak":       leakGoroutines,
	"goroutine-pool":       poolOfGoroutines,
	"file-mapping-growth":  mapFiles,
	"file-mapping-read":    readMappedFile,
	"native-growth":        growNative,
	"native-steady":        steadyNative,
	"fragmentation":        fragment,
	"dense":                dense,
	"gc-headroom":          garbage,
	"memory-limit":         nearLimit,
	"huge-page-inflation":  inflate,
	"retained-after-close": retain,
	"released-after-close": release,
	"client-per-request":   leakClients,
	"client-shared":        shareClient,
	"socket-leak":          leakSockets,
	"socket-closed":        closeSockets,
	"socket-left":          keepLeftSockets,
	"handlers-stuck":       leaveHandlersStuck,
	"ballast":              carryBallast,
	"batches":              batches,
	"clients-closed":       closeClients,
	"connections-idle":     stayIdle,
	"goal-large":           largeGoal,
	"map-shrunk":           shrinkMap,
	"batch-again":          batchAgain,
	"callers":              leakCallers,
	"pool-buffers":         poolBuffers,
	"pool-filling":         fillPool,

	"near-fragmentation": nearFragmentation,
	"near-huge-pages":    nearHugePages,
	"near-heap":          nearHeap,
	"near-native":        nearNative,
	"near-goroutines":    nearGoroutines,
	"near-sockets":       nearSockets,
	"near-clients":       nearClients,
	"near-accepted":      nearAccepted,
	"near-retained":      nearRetained,
	"near-spiral":        nearSpiral,
	"near-owners":        nearOwners,
	"near-kept":          nearKept,
	"near-burst":         nearBurst,
	"near-cache":         nearCache,
	"near-dropped":       nearDropped,
	"near-files":         keepFiles,
	"near-pool":          nearPool,
	"near-workers":       nearWorkers,
	"near-late":          nearLate,
	"near-streams":       serveStreams,
	"near-churn":         nearChurn,
	"near-ring":          nearRing,
	"near-batches":       nearBatches,
	"doubling":           double,
	"step":               stepOnce,
	"cache-random":       fillAtRandom,
}

func main() {
	switch os.Args[1] {
	case "serve":
		serveForOthers()
	case "streams":
		beginStreams(os.Args[2])
	case "leave":
		comeAndLeave(os.Args[2], os.Args[3])
	}
	program := programs[os.Args[1]]
	commands := control.Commands()
	ticker := time.NewTicker(10 * time.Millisecond)
	for step := 0; ; step++ {
		select {
		case <-ticker.C:
			program(step)
			// What is allocated at the start is there.
			if step == 50 {
				report("ready", step)
			}
		case command := <-commands:
			switch command {
			case "state":
				report("state", step)
			case "exit":
				return
			}
		}
	}
}

func report(event string, step int) {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	control.Say(event, map[string]interface{}{
		"steps":            step,
		"heap_alloc_bytes": stats.HeapAlloc,
		"live_heap_bytes":  liveHeap(),
		"collections":      stats.NumGC,
		"goroutines":       runtime.NumGoroutine(),
		"kept":             len(kept),
	})
}

// liveHeap is what the last collection has marked.
func liveHeap() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}
