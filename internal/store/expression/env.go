package expression

import (
	"context"
	"encoding/binary"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// Env is what expressions are evaluated in. It keeps memory from one evaluation
// to the next and must not be used by two goroutines at a time.
type Env struct {
	// Now is $$NOW: the same during all of a command.
	Now time.Time
	// Variables are the values of those that Options names; one that is not here
	// is missing.
	Variables map[string]bson.RawValue
	// Meta returns what $meta asks for, such as "textScore", about the document
	// at hand, of type 0 if there is none. nil means that there is nothing.
	Meta func(name string) bson.RawValue
	// Context ends evaluations that take long; nil means none does.
	Context context.Context

	doc   bson.Raw
	slots []value // variables, by the number that compiling gave them
	stack []value // arguments of the calls being made
	chunk []byte  // for small values
	work  int     // since the context was last asked, in values or 256 bytes
	zones map[string]*time.Location
	// regexes are the regular expressions that are no constants.
	regexes map[string]*match.Regex
	live    int // bytes held by values under construction and by variables
}

// NewEnv returns an Env with a time and nothing else.
func NewEnv(now time.Time) *Env { return &Env{Now: now} }

// maxValue is MongoDB's bound on the size of a document, in bytes; no value
// that an expression makes may be larger.
const maxValue = 16 << 20

// maxLive bounds what one evaluation holds in memory at a time, in bytes.
const maxLive = 64 << 20

// hold accounts for n bytes that are kept during an evaluation.
func (env *Env) hold(n int) error {
	env.live += n
	env.work += n >> 8
	if env.live > maxLive {
		return store.BadRequest(codeExceededMemory, "expression uses more than %d bytes of memory", maxLive)
	}
	return nil
}

// step is called in every loop over values.
func (env *Env) step() error {
	env.work++
	if env.work < 1024 || env.Context == nil {
		return nil
	}
	env.work = 0
	return env.Context.Err()
}

// chunkSize is small since a value that is kept keeps all of its chunk.
const chunkSize = 256

// small returns n bytes, of which no one else writes.
func (env *Env) small(n int) []byte {
	if len(env.chunk) < n {
		env.chunk = make([]byte, chunkSize)
	}
	b := env.chunk[:n:n]
	env.chunk = env.chunk[n:]
	return b
}

func (env *Env) int32(n int32) value {
	b := env.small(4)
	binary.LittleEndian.PutUint32(b, uint32(n))
	return value{Type: bson.TypeInt32, Value: b}
}

func (env *Env) eight(kind bson.Type, n uint64) value {
	b := env.small(8)
	binary.LittleEndian.PutUint64(b, n)
	return value{Type: kind, Value: b}
}

func (env *Env) int64(n int64) value       { return env.eight(bson.TypeInt64, uint64(n)) }
func (env *Env) double(d float64) value    { return env.eight(bson.TypeDouble, math.Float64bits(d)) }
func (env *Env) millis(millis int64) value { return env.eight(bson.TypeDateTime, uint64(millis)) }

// integer returns n as an int32 if it fits, else as an int64.
func (env *Env) integer(n int64) value {
	if n == int64(int32(n)) {
		return env.int32(int32(n))
	}
	return env.int64(n)
}
