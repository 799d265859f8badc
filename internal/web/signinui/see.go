package signinui

import (
	"fmt"
	"net/http"
	"strings"
)

// see leads to another page of this service; every POST ends so. Whatever the
// caller made the path of, it cannot lead to another site.
func see(w http.ResponseWriter, r *http.Request, path string) error {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return fmt.Errorf("signinui: %.40q is no path of this service", path)
	}
	http.Redirect(w, r, path, http.StatusSeeOther) //nolint:gosec // a path of ours, checked above
	return nil
}
