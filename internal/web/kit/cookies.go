package kit

import "net/http"

// CookiesOff is the error of a page that needs the browser's cookie and did not
// get it back. Its page says how to allow cookies; Scene.Retry is where "try
// again" leads.
func CookiesOff() error { return &pageFault{page: "cookies-off", status: http.StatusBadRequest} }
