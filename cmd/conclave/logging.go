package main

import "log/slog"

// logFlags are the flags of every command that logs.
type logFlags struct {
	LogLevel string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"info"`
	JSONLog  bool   `name:"json-log" help:"Log as JSON, one object a line."`
}

// logger returns a logger to standard error.
func (f logFlags) logger(e *env) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		panic("conclave: internal error: log level: " + err.Error()) // kong checked it
	}
	o := &slog.HandlerOptions{Level: level}
	if f.JSONLog {
		return slog.New(slog.NewJSONHandler(e.stderr, o))
	}
	return slog.New(slog.NewTextHandler(e.stderr, o))
}
