package qr_test

import (
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"
	"testing"

	library "github.com/boombuler/barcode/qr"

	"parvis/internal/authenticator/totp/qr"
)

// modules reads a drawing back: which squares are dark.
func modules(t *testing.T, drawing string) (dark map[[2]int]bool, size int) {
	t.Helper()
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Hidden  string `xml:"aria-hidden,attr"`
		Paths   []struct {
			Fill string `xml:"fill,attr"`
			D    string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(drawing), &svg); err != nil {
		t.Fatal(err)
	}
	var height int
	if _, err := fmt.Sscanf(svg.ViewBox, "0 0 %d %d", &size, &height); err != nil || size != height || len(svg.Paths) != 2 || svg.Hidden != "true" {
		t.Fatalf("%v %+v", err, svg)
	}
	if svg.Paths[0].Fill != "#fff" || svg.Paths[0].D != fmt.Sprintf("M0 0h%dv%dh-%dz", size, size, size) {
		t.Error("the ground is not white")
	}
	dark = map[[2]int]bool{}
	for run := range strings.SplitSeq(strings.TrimSuffix(svg.Paths[1].D, "z"), "z") {
		var x, y, width, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &width, &back); err != nil || width != back {
			t.Fatalf("%q: %v", run, err)
		}
		for i := range width {
			dark[[2]int{x + i, y}] = true
		}
	}
	return dark, size
}

func TestTheDrawingIsTheCodeWithItsQuietZone(t *testing.T) {
	for _, text := range []string{
		"otpauth://totp/Parvis:sam@example.org?algorithm=SHA1&digits=6&issuer=Parvis&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"HELLO", strings.Repeat("é", 200),
	} {
		drawing, err := qr.SVG(text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := library.Encode(text, library.M, library.Auto)
		if err != nil {
			t.Fatal(err)
		}
		dark, size := modules(t, drawing)
		if size != want.Bounds().Dx()+8 {
			t.Fatalf("%d modules for a code of %d", size, want.Bounds().Dx())
		}
		for y := range size {
			for x := range size {
				inside := x >= 4 && y >= 4 && x < size-4 && y < size-4
				is := inside && color.GrayModel.Convert(want.At(x-4, y-4)) == color.Gray{}
				if dark[[2]int{x, y}] != is {
					t.Fatalf("module %d,%d of %q", x, y, text)
				}
			}
		}
		if strings.Contains(drawing, "otpauth") || strings.Contains(drawing, "style") {
			t.Error("the drawing holds its text or a style")
		}
	}
}

func TestATextThatIsTooLongIsRefused(t *testing.T) {
	if _, err := qr.SVG(strings.Repeat("x", 513)); err == nil {
		t.Error("no telephone reads it")
	}
}
