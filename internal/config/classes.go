package config

import (
	"encoding/json"
	"fmt"
)

// readClassDefinitions takes class definitions back to JSON, which is what the
// schema reads.
func readClassDefinitions(value any) (any, error) {
	list := value.([]any)
	definitions := make([][]byte, len(list))
	for i, item := range list {
		members, _ := item.(map[string]any)
		if name, ok := members["className"].(string); !ok || name == "" {
			return nil, fmt.Errorf("has an entry %d without a className", i+1)
		}
		var err error
		if definitions[i], err = json.Marshal(members); err != nil {
			return nil, fmt.Errorf("has an entry %d that is no JSON: %w", i+1, err)
		}
	}
	return definitions, nil
}
