package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// statementsKept is how many prepared statements one connection keeps.
const statementsKept = 512

// lite is the SQLite engine: one writer, several readers.
type lite struct {
	db      *DB
	path    string
	pool    *sql.DB
	writer  *writer
	readers chan *liteConn
	count   int // of readers
}

// liteConn is one connection with its prepared statements.
type liteConn struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// dsn is the driver's name of a database file. Every connection gets the same
// pragmas; readers refuse to write.
func dsn(path string, readOnly bool) string {
	pragmas := []string{
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
		"secure_delete(ON)", "trusted_schema(OFF)", "temp_store(MEMORY)", "cache_size(-8192)",
	}
	if readOnly {
		pragmas = append(pragmas, "query_only(ON)")
	}
	query := url.Values{"_pragma": pragmas}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

// openLite creates the file when it is missing (readable by its owner only),
// opens it, and refuses a file system on which the journal cannot be kept safe.
func openLite(ctx context.Context, d *DB, path string) (engine, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database file: %w (create its directory, or change database.url)", err)
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	l := &lite{db: d, path: path}
	l.count = min(d.settings.Connections, 4*runtime.NumCPU())
	l.readers = make(chan *liteConn, l.count)
	if l.pool, err = sql.Open("sqlite", dsn(path, true)); err != nil {
		return nil, err
	}
	own, err := sql.Open("sqlite", dsn(path, false))
	if err != nil {
		return nil, errors.Join(err, l.pool.Close())
	}
	if l.writer, err = openWriter(ctx, d, own); err != nil {
		return nil, errors.Join(err, l.pool.Close(), own.Close())
	}
	for range l.count {
		conn, err := l.pool.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, l.writer.close(), l.pool.Close())
		}
		l.readers <- newLiteConn(conn)
	}
	return l, nil
}

func newLiteConn(conn *sql.Conn) *liteConn {
	return &liteConn{conn: conn, stmts: map[string]*sql.Stmt{}}
}

// verify reads back the pragmas on which durability rests.
func (c *liteConn) verify(ctx context.Context) error {
	for _, want := range []struct{ pragma, value string }{{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"}} {
		var got string
		if err := c.conn.QueryRowContext(ctx, "PRAGMA "+want.pragma).Scan(&got); err != nil {
			return err
		}
		if !strings.EqualFold(got, want.value) {
			return fmt.Errorf("the file system does not allow %s=%s (it is %s): use a local disk", want.pragma, want.value, got)
		}
	}
	return nil
}

func (c *liteConn) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	if len(c.stmts) >= statementsKept { // texts are constants, so this is never reached in earnest
		for key, s := range c.stmts {
			delete(c.stmts, key)
			if err := s.Close(); err != nil {
				return nil, err
			}
		}
	}
	s, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

func (c *liteConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	s, err := c.prepare(ctx, query) //nolint:sqlclosecheck // kept for the next time; liteConn.close closes it
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (c *liteConn) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := c.prepare(ctx, query) //nolint:sqlclosecheck // kept for the next time; liteConn.close closes it
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// order runs a statement of the transaction machinery itself.
func (c *liteConn) order(query string) error {
	_, err := c.exec(context.Background(), query, nil)
	return err
}

func (c *liteConn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

func (l *lite) run(ctx context.Context, m mode, fn func(*Tx) error) error {
	if m == modeRead {
		return asFault(ctx, l.read(ctx, fn))
	}
	return asFault(ctx, l.writer.do(ctx, fn))
}

// read runs fn in a read transaction on one of the readers.
func (l *lite) read(ctx context.Context, fn func(*Tx) error) error {
	c, err := l.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { l.readers <- c }()
	if err := c.order("BEGIN"); err != nil { //nolint:contextcheck // the end of a request must not interrupt it
		return err
	}
	//nolint:contextcheck // the end of a request must not keep the transaction open
	defer func() { _ = c.order("ROLLBACK") }() // nothing was written; the next BEGIN tells if this failed
	ctx, cancel := context.WithTimeout(ctx, l.db.settings.TransactionTimeout)
	defer cancel()
	tx := l.db.begin(ctx, c)
	if err := tx.run(fn); err != nil {
		return err
	}
	tx.committed()
	return nil
}

func (l *lite) reader(ctx context.Context) (*liteConn, error) {
	select {
	case c, ok := <-l.readers:
		return open(c, ok)
	default:
	}
	wait := time.NewTimer(l.db.settings.WaitTimeout)
	defer wait.Stop()
	select {
	case c, ok := <-l.readers:
		return open(c, ok)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-wait.C:
		return nil, unavailable(errors.New("no reader became free"))
	}
}

func open(c *liteConn, ok bool) (*liteConn, error) {
	if !ok {
		return nil, ErrClosed
	}
	return c, nil
}

func (l *lite) clock(context.Context) (time.Time, bool, error) { return time.Time{}, false, nil }

// checkpoint asks the writer to truncate the log; readers that hold an old
// snapshot are waited for as long as the busy timeout.
func (l *lite) checkpoint(ctx context.Context) error {
	return asFault(ctx, l.writer.outside(ctx, func(c *liteConn) error {
		// A connection that has not yet seen the newest state of the log cannot empty it.
		if err := c.order("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		if err := c.order("COMMIT"); err != nil {
			return err
		}
		var busy, frames, moved int64
		row := c.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
		if err := row.Scan(&busy, &frames, &moved); err != nil {
			return err
		}
		if busy != 0 {
			return unavailable(errors.New("a reader kept the log from being emptied"))
		}
		return nil
	}))
}

// close ends the writer first, then takes every reader out of use.
func (l *lite) close() error {
	errs := []error{l.writer.close()}
	for range l.count {
		c, ok := <-l.readers
		if !ok {
			return errors.Join(errs...) // closed before
		}
		errs = append(errs, c.close())
	}
	close(l.readers)
	return errors.Join(append(errs, l.pool.Close())...)
}
