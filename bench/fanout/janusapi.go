package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A janusRoomConn is a session with Janus's WebSocket API. Its requests may be
// made concurrently.
type janusRoomConn struct {
	ws        *websocket.Conn
	session   uint64
	publisher uint64 // set by publish
	reading   chan struct{}

	mu          sync.Mutex
	transaction uint64
	waiting     map[string]chan *janusReply
}

// A janusRequest is what Janus is asked.
type janusRequest struct {
	Janus       string            `json:"janus"`
	Transaction string            `json:"transaction"`
	Session     uint64            `json:"session_id,omitempty"`
	Handle      uint64            `json:"handle_id,omitempty"`
	Plugin      string            `json:"plugin,omitempty"`
	Body        map[string]any    `json:"body,omitempty"`
	Description *janusDescription `json:"jsep,omitempty"`
}

type janusDescription struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// A janusReply is what Janus answers, at once or in an event.
type janusReply struct {
	Janus       string `json:"janus"`
	Transaction string `json:"transaction"`
	Data        struct {
		ID uint64 `json:"id"`
	} `json:"data"`
	Plugin struct {
		Data struct {
			ID    uint64 `json:"id"`
			Error string `json:"error"`
		} `json:"data"`
	} `json:"plugindata"`
	Description *janusDescription `json:"jsep"`
	Error       struct {
		Reason string `json:"reason"`
	} `json:"error"`
}

const (
	janusTimeout = 20 * time.Second
	janusMessage = 1 << 20 // bytes
)

// openJanus opens a session as soon as Janus takes connections.
func openJanus(ctx context.Context, p *process) (*janusRoomConn, error) {
	r := &janusRoomConn{waiting: make(map[string]chan *janusReply), reading: make(chan struct{})}
	deadline, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		var err error
		//nolint:bodyclose // Dial closes the body or makes the connection of it
		r.ws, _, err = websocket.Dial(deadline, "ws://127.0.0.1:"+janusPort, &websocket.DialOptions{Subprotocols: []string{"janus-protocol"}})
		if err == nil {
			break
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("janus ended at once: %v", p.err)
		case <-deadline.Done():
			return nil, fmt.Errorf("janus takes no connections: %w", err)
		case <-time.After(retryEvery):
		}
	}
	r.ws.SetReadLimit(janusMessage)
	go r.read(context.WithoutCancel(ctx)) // ends with close
	reply, err := r.ask(ctx, &janusRequest{Janus: "create"})
	if err != nil {
		r.close()
		return nil, err
	}
	r.session = reply.Data.ID
	return r, nil
}

// read hands replies to who waits for them.
func (r *janusRoomConn) read(ctx context.Context) {
	defer close(r.reading)
	for {
		_, b, err := r.ws.Read(ctx)
		if err != nil {
			return
		}
		reply := new(janusReply)
		if json.Unmarshal(b, reply) != nil || reply.Janus == "ack" {
			continue
		}
		r.mu.Lock()
		c := r.waiting[reply.Transaction]
		delete(r.waiting, reply.Transaction)
		r.mu.Unlock()
		if c != nil {
			c <- reply
		}
	}
}

// ask sends a request and waits for its answer.
func (r *janusRoomConn) ask(ctx context.Context, q *janusRequest) (*janusReply, error) {
	ctx, cancel := context.WithTimeout(ctx, janusTimeout)
	defer cancel()
	c := make(chan *janusReply, 1)
	r.mu.Lock()
	r.transaction++
	q.Transaction = strconv.FormatUint(r.transaction, 10)
	q.Session = r.session
	r.waiting[q.Transaction] = c
	r.mu.Unlock()
	b, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	if err := r.ws.Write(ctx, websocket.MessageText, b); err != nil {
		return nil, err
	}
	select {
	case reply := <-c:
		if reply.Janus == "error" {
			return nil, errors.New("janus: " + reply.Error.Reason)
		}
		if e := reply.Plugin.Data.Error; e != "" {
			return nil, errors.New("janus: " + e)
		}
		return reply, nil
	case <-r.reading:
		return nil, errors.New("janus ended the connection")
	case <-ctx.Done():
		return nil, fmt.Errorf("janus does not answer: %w", context.Cause(ctx))
	}
}

// attach makes a handle of the video room.
func (r *janusRoomConn) attach(ctx context.Context) (uint64, error) {
	reply, err := r.ask(ctx, &janusRequest{Janus: "attach", Plugin: "janus.plugin.videoroom"})
	if err != nil {
		return 0, err
	}
	return reply.Data.ID, nil
}

// message asks the video room by a handle.
func (r *janusRoomConn) message(ctx context.Context, handle uint64, body map[string]any, d *janusDescription) (*janusReply, error) {
	return r.ask(ctx, &janusRequest{Janus: "message", Handle: handle, Body: body, Description: d})
}

// close ends the session's connection.
func (r *janusRoomConn) close() {
	_ = r.ws.CloseNow() // the process ends next
	<-r.reading
}
