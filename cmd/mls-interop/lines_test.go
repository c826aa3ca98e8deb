package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// TestLines sends lines as they are, right and wrong ones, and checks the answers
// as they are.
func TestLines(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a request", `{"id":1,"op":"suites"}`, `{"id":1,"suites":[1,2,3,5,7,61441,61442]}`},
		{"an id that is text", `{"op":"suites","id":"a \"b\""}`, `{"id":"a \"b\"","suites":[1,2,3,5,7,61441,61442]}`},
		{"an id that is an object", `{"op":"register_psk","id":{"a":[1]}}`, `{"id":{"a":[1]}}`},
		{"no id", `{"op":"register_psk"}`, `{}`},
		{"spaces around", "  {\"id\":2,\"op\":\"register_psk\"} \r", `{"id":2}`},
		{"an unknown request", `{"id":3,"op":"fly"}`, `{"error":"ErrUnknownOp","id":3,"message":"no request of this name: \"fly\""}`},
		{"an unknown group", `{"id":4,"op":"merge","group":"g1"}`, `{"error":"ErrUnknownGroup","id":4,"message":"no group of this name: \"g1\""}`},
		{"an unknown handle", `{"id":5,"op":"join_welcome","handle":"kp1"}`, `{"error":"ErrUnknownHandle","id":5,"message":"no KeyPackage of this name: \"kp1\""}`},
		{"an unknown suite", `{"id":6,"op":"key_package","suite":4}`, `{"error":"ErrUnknown","id":6,"message":"mls: looking up the cipher suite: suite: unknown cipher suite: number 4"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := lines(t, c.in+"\n"); got != c.want+"\n" {
				t.Errorf("answer %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestMalformedLines checks that a line which is not a request is answered, with
// its id where it can be read, and that the next one is carried out.
func TestMalformedLines(t *testing.T) {
	for _, c := range []struct{ name, in, sentinel string }{
		{"not JSON", `hello`, "ErrRequest"},
		{"half an object", `{"id":1,"op":`, "ErrRequest"},
		{"not an object", `[1,2]`, "ErrRequest"},
		{"not base64", `{"id":1,"op":"restore","state":"%%"}`, "ErrRequest"},
		{"a number that is none", `{"id":1,"op":"key_package","suite":-1}`, "ErrRequest"},
		{"a state that is none", `{"id":1,"op":"restore","state":"AAAA"}`, "ErrState"},
		{"a line that is too long", `{"id":1,"op":"` + strings.Repeat("x", maxLine) + `"}`, "ErrLineTooLong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := strings.Split(lines(t, c.in+"\n\n{\"id\":2,\"op\":\"suites\"}"), "\n")
			var first, second struct {
				ID    int
				Error string
			}
			if len(answers) != 3 || json.Unmarshal([]byte(answers[0]), &first) != nil || json.Unmarshal([]byte(answers[1]), &second) != nil {
				t.Fatalf("answers %q", answers)
			}
			if first.Error != c.sentinel || second.ID != 2 || second.Error != "" {
				t.Errorf("answers %q, want %s and then the suites", answers, c.sentinel)
			}
		})
	}
}

// lines is what the program writes when it reads in.
func lines(t *testing.T, in string) string {
	t.Helper()
	var out bytes.Buffer
	if err := serve(strings.NewReader(in), &out, newProgram()); err != nil {
		t.Fatalf("serve: %v", err)
	}
	return out.String()
}

// TestBrokenPipes checks that the program ends with an error when its input or
// output breaks.
func TestBrokenPipes(t *testing.T) {
	in, broken := io.Pipe()
	_ = broken.CloseWithError(io.ErrUnexpectedEOF)
	if err := serve(in, io.Discard, newProgram()); err == nil {
		t.Error("serve ignores that its input broke")
	}
	out, w := io.Pipe()
	_ = out.Close()
	if err := serve(strings.NewReader("{}\n"), w, newProgram()); err == nil {
		t.Error("serve ignores that its output broke")
	}
}

// FuzzLines feeds the program any bytes: it answers each line, in order, with an
// object, and never panics.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"id":1,"op":"create_group","suite":1,"identity":"a","group_id":"AA=="}` + "\n" + `{"op":"handle","group":"g1","message":"AAEAAQ=="}`))
	f.Add([]byte(`{"op":"propose","group":"g1","kind":"gce","extensions":"CAADBQAAAgAB"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		p := newProgram()
		setUp := `{"op":"create_group","suite":1,"identity":"a","group_id":"AA=="}` + "\n"
		if err := serve(io.MultiReader(strings.NewReader(setUp), bytes.NewReader(in)), &out, p); err != nil {
			t.Fatalf("serve: %v", err)
		}
		for line := range strings.Lines(out.String()) {
			var a map[string]any
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatalf("answer %q: %v", line, err)
			}
		}
	})
}
