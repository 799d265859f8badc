// Package qr draws a QR code (ISO/IEC 18004) as SVG that stands in a page.
//
// Nothing is fetched and nothing styled: a white square, also on dark pages, with
// one black path. The drawing is hidden from assistive technology; what it says
// has to stand beside it as text, which only the page can word.
package qr

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the empty border that scanners need, in modules (ISO/IEC 18004, 5.3.8).
const quiet = 4

// mostBytes is the longest text: more makes modules too small for a telephone's camera.
const mostBytes = 512

// SVG draws a text with error correction level M. It is safe to stand in HTML as
// it is: it holds numbers only, nothing of the text.
func SVG(text string) (string, error) {
	if len(text) > mostBytes {
		return "", fmt.Errorf("qr: %d bytes are too many, at most %d", len(text), mostBytes)
	}
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("qr: %w", err)
	}
	size := code.Bounds().Dx()
	whole := size + 2*quiet
	var path strings.Builder
	dark := func(x, y int) bool { return x < size && color.GrayModel.Convert(code.At(x, y)) == color.Gray{} }
	for y := range size {
		for x := 0; x < size; x++ {
			start := x
			for dark(x, y) {
				x++
			}
			if x > start {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
			}
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" aria-hidden="true" focusable="false">`+
		`<path fill="#fff" d="M0 0h%dv%dh-%dz"/><path fill="#000" d="%s"/></svg>`, whole, whole, whole, whole, whole, path.String()), nil
}
