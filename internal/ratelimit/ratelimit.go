// Package ratelimit counts what strangers do and refuses what is too much.
//
// Something is counted before the work and stays counted when the work is
// refused. Limits hold across all nodes: counts are rows. A rule with a small
// count keeps one row per key. A rule with a large count, as for one IP address
// behind which a whole office sits, spreads it over 16 rows, so that requests do
// not wait for each other. Both are exact, whatever arrives at once. A key that this node saw refused is refused from memory, without a write, until
// its window ends. When the count cannot be written the request is refused.
//
// Keys (addresses, IP addresses) are stored as keyed digests only.
package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/secret"
)

const (
	buckets    = 16     // rows over which a large count is spread
	spreadFrom = 100    // counts from which it is
	remembered = 50_000 // keys that one node remembers as refused, or counts
)

// Limiter applies the limits. DB, Keys and Settings are needed. Safe for concurrent use.
type Limiter struct {
	DB       *db.DB
	Keys     *secret.Keys
	Settings Settings
	Now      func() time.Time // the clock given to db.Open
	// Reached records, once per window, that a limit was reached; may be nil.
	Reached func(tx *db.Tx, rule Rule, key string) error

	mu      sync.Mutex
	refused map[string]time.Time // keys over their limit, until when
	counted map[string]window    // for Local
	swept   time.Time
}

type window struct {
	count int64
	ends  time.Time
}

// Decision is what became of one request. The zero Decision refuses.
type Decision struct {
	Allowed    bool
	RetryAfter time.Duration // when refused: how long to wait, whole seconds, at least one
	Left       int64         // when allowed: at least so many more are in this window
}

// Fault is the error to answer with: nil when allowed.
func (d Decision) Fault() error {
	if d.Allowed {
		return nil
	}
	return &fault.Error{Kind: fault.Throttled, Key: "error.throttled", RetryAfter: d.RetryAfter}
}

// IPKey is the key under which an IP address is counted: an IPv4 address by
// itself, an IPv6 address with its /64 network, which one subscriber has whole.
func IPKey(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// Take counts one more of a rule for a key and decides. On an error nothing is
// allowed either: answer with the error. Keys of rules that are OfIP go through IPKey.
func (l *Limiter) Take(ctx context.Context, rule Rule, key string) (Decision, error) {
	limit, name, err := l.find(rule, key)
	if err != nil {
		return Decision{}, err
	}
	if limit.Count == 0 {
		return Decision{Allowed: true, Left: math.MaxInt64}, nil
	}
	now := l.Now()
	growing := limit.Growth > 1
	if until, known := l.known(name, now); known && !growing {
		return refuse(until.Sub(now)), nil
	}
	var n int64
	var ends time.Time
	if limit.Count >= spreadFrom && !growing {
		n, ends, err = l.spread(ctx, name, limit)
	} else {
		n, ends, err = l.exact(ctx, name, limit)
	}
	if err != nil {
		return Decision{}, fmt.Errorf("ratelimit: %s: %w", rule, err)
	}
	if n <= limit.Count {
		return Decision{Allowed: true, Left: limit.Count - n}, nil
	}
	l.remember(name, ends, now)
	if n == limit.Count+1 {
		if err := l.tell(ctx, rule, key); err != nil {
			return Decision{}, err
		}
	}
	return refuse(ends.Sub(now)), nil
}

// Allow counts one more of a rule for a key, as Take does, and makes a fault of a
// refusal: Throttled, with the time to wait.
func (l *Limiter) Allow(ctx context.Context, rule Rule, key string) error {
	d, err := l.Take(ctx, rule, key)
	if err != nil {
		return err
	}
	return d.Fault()
}

// Full reports whether a key has used up the count of a rule, without counting: for
// what is not refused but asked for more. A limit that is switched off is never full.
func (l *Limiter) Full(ctx context.Context, rule Rule, key string) (bool, error) {
	limit, name, err := l.find(rule, key)
	if err != nil || limit.Count == 0 {
		return false, err
	}
	if _, known := l.known(name, l.Now()); known {
		return true, nil
	}
	var hits int64
	err = l.DB.Read(ctx, func(tx *db.Tx) (err error) {
		hits, err = l.CountedIn(tx, rule, key)
		return err
	})
	if err != nil {
		return false, err
	}
	return hits >= limit.Count, nil
}

// find is a rule's limit and the name of a key's rows.
func (l *Limiter) find(rule Rule, key string) (Limit, string, error) {
	limit, ok := l.Settings.limit(rule)
	if !ok {
		return Limit{}, "", errors.New("ratelimit: there is no rule " + strconv.Quote(string(rule)))
	}
	if rule.OfIP() {
		key = IPKey(key)
	}
	return limit, l.Keys.Index("rate_limit", string(rule)+"|"+key), nil
}

// TakeIn is Take in a transaction of the caller: what is rolled back was not counted, and
// so never uses up the count of what comes after it. For messages, which are limited one
// by one where they are queued; not for what strangers do, which is counted first. Each
// key has one row.
func (l *Limiter) TakeIn(tx *db.Tx, rule Rule, key string) (Decision, error) {
	limit, name, err := l.find(rule, key)
	if err != nil {
		return Decision{}, err
	}
	if limit.Count == 0 {
		return Decision{Allowed: true, Left: math.MaxInt64}, nil
	}
	n, ends, err := countIn(tx, name, limit)
	if err != nil {
		return Decision{}, fmt.Errorf("ratelimit: %s: %w", rule, err)
	}
	if n <= limit.Count {
		return Decision{Allowed: true, Left: limit.Count - n}, nil
	}
	if n == limit.Count+1 && l.Reached != nil {
		if err := l.Reached(tx, rule, key); err != nil {
			return Decision{}, fmt.Errorf("ratelimit: %w", err)
		}
	}
	return refuse(ends.Sub(tx.Now())), nil
}

// Counter is one key of a rule.
type Counter struct {
	Rule Rule
	Key  string
}

// GiveBackIn counts one less of each counter, in a transaction of the caller: what Take counted
// before the work turned out to be nothing that the rule is against.
func (l *Limiter) GiveBackIn(tx *db.Tx, counters ...Counter) error {
	for _, c := range counters { // in the order of Take, so that of two who give back at once neither waits for the other
		limit, name, err := l.find(c.Rule, c.Key)
		if err != nil {
			return err
		}
		if limit.Count == 0 {
			continue
		}
		now := db.Millis(tx.Now())
		_, err = tx.Exec(`UPDATE rate_limit SET hits = hits - 1 WHERE id = $1 AND hits > 0 AND ends_at > $2
			AND bucket = (SELECT MIN(bucket) FROM rate_limit WHERE id = $3 AND hits > 0 AND ends_at > $4)`, name, now, name, now)
		if err != nil {
			return fmt.Errorf("ratelimit: %s: %w", c.Rule, err)
		}
	}
	return nil
}

// CountedIn is how often a rule has counted a key in its window, in a transaction of the
// caller and without counting. 0 for a limit that is switched off.
func (l *Limiter) CountedIn(tx *db.Tx, rule Rule, key string) (hits int64, err error) {
	_, name, err := l.find(rule, key)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(`SELECT COALESCE(SUM(hits), 0) FROM rate_limit WHERE id = $1 AND ends_at > $2`, name, db.Millis(tx.Now())).Scan(&hits)
	if err != nil {
		return 0, fmt.Errorf("ratelimit: %s: %w", rule, err)
	}
	return hits, nil
}

// exact counts in one row with one statement: the n-th to commit sees n.
func (l *Limiter) exact(ctx context.Context, name string, limit Limit) (n int64, ends time.Time, err error) {
	err = l.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		n, ends, err = countIn(tx, name, limit)
		return err
	})
	return n, ends, err
}

// countIn is the statement of exact.
func countIn(tx *db.Tx, name string, limit Limit) (n int64, ends time.Time, err error) {
	now := tx.Now()
	var end int64
	err = tx.QueryRow(`INSERT INTO rate_limit (id, bucket, hits, ends_at) VALUES ($1, 0, 1, $2)
			ON CONFLICT (id, bucket) DO UPDATE SET
				hits = CASE WHEN rate_limit.ends_at <= $3 THEN 1 ELSE rate_limit.hits + 1 END,
				ends_at = CASE WHEN rate_limit.ends_at <= $4 THEN $5 ELSE rate_limit.ends_at END
			RETURNING hits, ends_at`,
		name, db.Millis(now.Add(limit.Window)), db.Millis(now), db.Millis(now), db.Millis(now.Add(limit.Window))).Scan(&n, &end)
	if err != nil {
		return 0, time.Time{}, err
	}
	ends = db.Time(end)
	if limit.Growth <= 1 {
		return n, ends, nil
	}
	ends = now.Add(grown(limit, n))
	_, err = tx.Exec(`UPDATE rate_limit SET ends_at = $1 WHERE id = $2 AND bucket = 0`, db.Millis(ends), name)
	return n, ends, err
}

// grown is the window after n times: Login.gov's window × 1.1ⁿ up to 30 days.
func grown(limit Limit, n int64) time.Duration {
	w := float64(limit.Window) * math.Pow(limit.Growth, float64(n-1))
	return time.Duration(min(w, float64(limit.Longest)))
}

// spread counts in one of 16 rows, each of which has its share of the count. Who
// finds the share of his row used up tries the rows that still have some. So
// exactly Count are allowed, and those who are do not wait for one row.
func (l *Limiter) spread(ctx context.Context, name string, limit Limit) (n int64, ends time.Time, err error) {
	try := []int64{rand.Int64N(buckets)} //nolint:gosec // no secret: it spreads load
	for range buckets {
		for _, bucket := range try {
			left, end, err := l.share(ctx, name, limit, bucket)
			if err != nil || left >= 0 {
				return limit.Count - left, end, err
			}
		}
		if try, err = l.withRoom(ctx, name, limit); err != nil {
			return 0, time.Time{}, err
		}
		if len(try) == 0 {
			break
		}
	}
	return l.over(ctx, name, limit)
}

// shareOf is what one of the rows may count.
func shareOf(limit Limit, bucket int64) int64 {
	share := limit.Count / buckets
	if bucket < limit.Count%buckets {
		share++
	}
	return share
}

// windowEnd is where the window ends that an instant lies in: all rows of a key share it.
func windowEnd(limit Limit, now time.Time) int64 {
	size := limit.Window.Milliseconds()
	return (db.Millis(now)/size + 1) * size
}

// share takes one of a row's share; left is what remains of it, or -1 when nothing was left to take.
func (l *Limiter) share(ctx context.Context, name string, limit Limit, bucket int64) (left int64, ends time.Time, err error) {
	err = l.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		end := windowEnd(limit, tx.Now())
		ends = db.Time(end)
		var hits int64
		err := tx.QueryRow(`INSERT INTO rate_limit (id, bucket, hits, ends_at) VALUES ($1, $2, 1, $3)
			ON CONFLICT (id, bucket) DO UPDATE SET
				hits = CASE WHEN rate_limit.ends_at < $4 THEN 1 ELSE rate_limit.hits + 1 END, ends_at = $5
				WHERE rate_limit.ends_at < $6 OR rate_limit.hits < $7
			RETURNING hits`,
			name, bucket, end, end, end, end, shareOf(limit, bucket)).Scan(&hits)
		left = shareOf(limit, bucket) - hits
		if errors.Is(err, db.ErrNoRows) {
			left = -1
			return nil
		}
		return err
	})
	return left, ends, err
}

// withRoom are the rows of a key whose share is not used up, in a random order.
func (l *Limiter) withRoom(ctx context.Context, name string, limit Limit) ([]int64, error) {
	var full [buckets]bool
	err := l.DB.Read(ctx, func(tx *db.Tx) error {
		full = [buckets]bool{}
		rows, err := tx.Query(`SELECT bucket, hits FROM rate_limit WHERE id = $1 AND ends_at >= $2 AND bucket < $3`,
			name, windowEnd(limit, tx.Now()), buckets)
		_, err = db.Collect(rows, err, func(rows *db.Rows) (struct{}, error) {
			var bucket, hits int64
			err := rows.Scan(&bucket, &hits)
			if err == nil && bucket >= 0 && bucket < buckets {
				full[bucket] = hits >= shareOf(limit, bucket)
			}
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, bucket := range rand.Perm(buckets) { //nolint:gosec // no secret: it spreads load
		if !full[bucket] {
			out = append(out, int64(bucket))
		}
	}
	return out, nil
}

// over notes in a row of its own that the count was reached: Count+1 the first
// time in a window, more after it.
func (l *Limiter) over(ctx context.Context, name string, limit Limit) (n int64, ends time.Time, err error) {
	err = l.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		end := windowEnd(limit, tx.Now())
		ends = db.Time(end)
		first, err := tx.Exec(`INSERT INTO rate_limit (id, bucket, hits, ends_at) VALUES ($1, $2, 0, $3)
			ON CONFLICT (id, bucket) DO UPDATE SET ends_at = $4 WHERE rate_limit.ends_at < $5`, name, buckets, end, end, end)
		n = limit.Count + 2 - first
		return err
	})
	return n, ends, err
}

// tell records that a limit was reached, once per window.
func (l *Limiter) tell(ctx context.Context, rule Rule, key string) error {
	if l.Reached == nil {
		return nil
	}
	err := l.DB.Write(ctx, func(tx *db.Tx) error { return l.Reached(tx, rule, key) })
	if err != nil {
		return fmt.Errorf("ratelimit: %w", err)
	}
	return nil
}

// Local counts on this node only, in memory: for limits that protect the node
// itself and need no row, e.g. RequestIP.
func (l *Limiter) Local(rule Rule, key string) Decision {
	limit, ok := l.Settings.limit(rule)
	if !ok {
		return Decision{RetryAfter: time.Second}
	}
	if limit.Count == 0 {
		return Decision{Allowed: true, Left: math.MaxInt64}
	}
	if rule.OfIP() {
		key = IPKey(key)
	}
	now := l.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	name := string(rule) + "|" + key
	w, ok := l.counted[name]
	if !ok && len(l.counted) >= remembered {
		// More strangers at once than we can count one by one: from now on they
		// share the count of their wider network, and that of everybody after all.
		name = string(rule) + "||" + wider(key)
		if w, ok = l.counted[name]; !ok && len(l.counted) >= 2*remembered {
			return refuse(time.Second)
		}
	}
	if !w.ends.After(now) {
		w = window{ends: now.Add(limit.Window)}
	}
	w.count++
	l.counted[name] = w
	if w.count > limit.Count {
		return refuse(w.ends.Sub(now))
	}
	return Decision{Allowed: true, Left: limit.Count - w.count}
}

// wider is the network that the key of an IP address lies in: the /48 that one
// organisation has of IPv6, the /24 of IPv4. Whoever owns one of them cannot fill
// the memory with its addresses and so keep everybody else out.
func wider(key string) string {
	p, err := netip.ParsePrefix(key)
	if err == nil {
		p = netip.PrefixFrom(p.Addr(), 48)
	} else if a, err := netip.ParseAddr(key); err == nil && a.Is4() {
		p = netip.PrefixFrom(a, 24)
	} else {
		return "others"
	}
	return p.Masked().String()
}

func refuse(wait time.Duration) Decision {
	seconds := (wait + time.Second - 1) / time.Second * time.Second
	return Decision{RetryAfter: max(seconds, time.Second)}
}

func (l *Limiter) known(name string, now time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	until, ok := l.refused[name]
	return until, ok && until.After(now)
}

func (l *Limiter) remember(name string, until, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	if len(l.refused) < remembered {
		l.refused[name] = until
	}
}

// sweep forgets, each minute, what has ended.
func (l *Limiter) sweep(now time.Time) {
	if l.refused == nil {
		l.refused, l.counted = map[string]time.Time{}, map[string]window{}
	}
	if now.Sub(l.swept).Abs() < minute {
		return
	}
	l.swept = now
	for k, until := range l.refused {
		if !until.After(now) {
			delete(l.refused, k)
		}
	}
	for k, w := range l.counted {
		if !w.ends.After(now) {
			delete(l.counted, k)
		}
	}
}

// Purge deletes counts whose window has ended. A job runs it.
func (l *Limiter) Purge(ctx context.Context) error {
	const some = 1000
	for {
		var n int64
		err := l.DB.WriteStatement(ctx, func(tx *db.Tx) error {
			now := db.Millis(tx.Now())
			var err error
			n, err = tx.Exec(`DELETE FROM rate_limit WHERE ends_at <= $1 AND id IN (SELECT id FROM rate_limit WHERE ends_at <= $2 LIMIT $3)`, now, now, some)
			return err
		})
		if err != nil {
			return fmt.Errorf("ratelimit: purge: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// Forget ends the counting of a rule for a key: what an operator's unlock does.
func (l *Limiter) Forget(ctx context.Context, rule Rule, key string) error {
	_, name, err := l.find(rule, key)
	if err != nil {
		return err
	}
	err = l.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM rate_limit WHERE id = $1`, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("ratelimit: forget: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, name)
	return nil
}
