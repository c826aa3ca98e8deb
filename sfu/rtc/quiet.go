package rtc

import "github.com/pion/logging"

// quietFactory makes loggers that say nothing. pion's texts quote addresses and
// session descriptions, which are never logged; what matters of them reaches the
// log as connection states and counters.
type quietFactory struct{}

// NewLogger implements logging.LoggerFactory.
func (quietFactory) NewLogger(string) logging.LeveledLogger { return quiet{} }

type quiet struct{}

func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}
