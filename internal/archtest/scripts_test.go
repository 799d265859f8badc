package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// elsewhere is how a script speaks to windows of other origins, or hears from them (RFC
// 9700, 4.17): messages to a parent, an opener or a frame, and those that reach the window
// itself. A worker and a channel of this origin are neither.
var elsewhere = regexp.MustCompile(`(?:parent|opener|top|contentWindow|window|self|globalThis|source|frames\[[^\]]*\])\??\.postMessage|(?:^|[^.\w?])postMessage\(|(?:^|[^.\w?]|\b(?:window|self|globalThis)\??\.)(?:addEventListener\(["'\x60]message["'\x60]|onmessage\b)|document\.domain`)

func TestNoScriptTalksToWindowsOfOtherOrigins(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(root, "web/scripts/*.js"))
	if err != nil || len(scripts) < 5 {
		t.Fatalf("%d scripts: %v", len(scripts), err)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if found := elsewhere.FindString(string(text)); found != "" {
			t.Errorf("%s: %s", filepath.Base(path), found)
		}
	}
	for line, want := range map[string]bool{
		`parent.postMessage(code, "*")`: true, `window.opener?.postMessage(x, origin)`: true, `addEventListener("message", take)`: true, `window.addEventListener('message', take)`: true,
		`self.onmessage = take`: true, `frame.contentWindow.postMessage(1, o)`: true, `event.source.postMessage(1, o)`: true, `postMessage(1)`: true,
		`worker.postMessage({})`: false, `tabs?.addEventListener("message", f)`: false, `worker.onmessage = f`: false, `tabs?.postMessage("renewed")`: false,
	} {
		if got := elsewhere.MatchString(line); got != want {
			t.Errorf("%s: found %v, want %v", line, got, want)
		}
	}
}
