package engine

import (
	"context"

	"github.com/loam-baas/loam/internal/parse"
)

type answerKey struct{}

// OneAnswer makes all calls with the context that it returns parts of one
// answer; see API.
func (e *Engine) OneAnswer(ctx context.Context) context.Context {
	return context.WithValue(ctx, answerKey{}, e.newAllowance())
}

// allowance is what the answer may be made of that is written with this context.
func (e *Engine) allowance(ctx context.Context) *parse.Allowance {
	if shared, ok := ctx.Value(answerKey{}).(*parse.Allowance); ok {
		return shared
	}
	return e.newAllowance()
}

func (e *Engine) newAllowance() *parse.Allowance { return parse.NewAllowance(e.AnswerBytes) }
