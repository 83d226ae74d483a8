package match

import "github.com/loam-baas/loam/internal/store"

func geoOperator(name string, v value, siblings []byte) (condition, error) {
	return nil, store.BadRequest(codeBadValue, "%s is not supported here", name)
}
