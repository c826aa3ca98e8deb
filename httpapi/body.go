package httpapi

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// bodyTimeout is how long a client may take to send a body.
const bodyTimeout = 15 * time.Second

// timeBody gives the body of a request its time, whatever route it is for: a server
// reads on after a handler that did not, and would wait for ever. A WebSocket is not
// touched: to take a connection over clears its deadlines.
func timeBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return // there is none; -1 is one of unknown length
	}
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil { // tests have no connection
		r.Body = &timedBody{r.Body, c}
	}
}

// A timedBody ends its time when it was read to its end, and only then.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.conn.SetReadDeadline(time.Time{}) // else it would end a long answer; fails only without a connection
	}
	return n, err //nolint:wrapcheck // what reads a body compares with io.EOF
}
