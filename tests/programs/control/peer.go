package control

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Peer starts this program once more, as the other end of its connections, and returns the first
// line that it prints. It ends with this process.
func Peer(args ...string) string {
	peer := exec.Command(os.Args[0], args...)
	peer.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	peer.Stderr = os.Stderr
	out, err := peer.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := peer.Start(); err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(line)
}
