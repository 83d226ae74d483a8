package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Sizes of the plot, in pixels.
const (
	plotWidth, labelWidth = 900, 170
	barHeight, gap        = 12, 14
)

var colors = []string{"#2f7d4f", "#b5523b", "#3d5a9e", "#8fa0cf", "#7fb08f", "#d9a08f"}

// plot draws the CPU time of a request at 16 connections, on a logarithmic
// scale: a bar for each system, a group for each kind of request.
func plot(results []result) []byte {
	var b strings.Builder
	var names []string
	least, most := math.Inf(1), 0.0
	for _, r := range results {
		if !slices.Contains(names, r.system) {
			names = append(names, r.system)
		}
		if r.cpu() > 0 {
			least, most = min(least, r.cpu()), max(most, r.cpu())
		}
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	x := func(cpu float64) float64 {
		return labelWidth + (math.Log10(cpu)-low)/max(high-low, 1)*(plotWidth-labelWidth-70)
	}
	y := 60.0
	left := 8
	for i, name := range names {
		fmt.Fprintf(&b, `<rect x="%d" y="14" width="12" height="12" fill="%s"/><text x="%d" y="24">%s</text>`, left, colors[i%len(colors)], left+18, name)
		left += 45 + 6*len(name)
	}
	for _, o := range operations {
		top := y
		for i, name := range names {
			r := middle(results, name, o.name)
			if r == nil || r.cpu() == 0 {
				continue
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%.0f" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%.0f">%.3g</text>`,
				labelWidth, y, max(x(r.cpu())-labelWidth, 1), barHeight, colors[i%len(colors)], x(r.cpu())+5, y+10, r.cpu())
			y += barHeight + 2
		}
		if y > top {
			fmt.Fprintf(&b, `<text x="%d" y="%.0f" text-anchor="end">%s</text>`, labelWidth-8, (top+y)/2+4, o.title)
			y += gap
		}
	}
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" font-family="sans-serif" font-size="12">`+
		`<rect width="100%%" height="100%%" fill="white"/><text x="8" y="48">CPU milliseconds per request, application and database, logarithmic</text>`, plotWidth, y)
	return []byte(head + b.String() + "</svg>\n")
}
