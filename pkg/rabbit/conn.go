package rabbit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	dialTimeout    = 5 * time.Second
	heartbeat      = 10 * time.Second
	reconnectFirst = 100 * time.Millisecond // doubles up to reconnectMost, with jitter
	reconnectMost  = 5 * time.Second
)

// Options of [Open].
type Options struct {
	// Name of the connection on the broker's management page, e.g. "auth".
	Name string
	// Topology, if set, is declared after every connect, so a broker that lost
	// its state gets it back. Consuming needs it.
	Topology *Topology
	// Metrics, if set, receives this package's metrics.
	Metrics prometheus.Registerer
	// Log takes reconnects and faults. Default: slog.Default.
	Log *slog.Logger
}

// Conn is a pair of connections to the broker, one to publish and one to
// consume: a broker short of memory stops reading from those who publish, and
// acknowledgements must not wait behind that. Both come back by themselves. Safe
// for concurrent use.
type Conn struct {
	topology *Topology
	log      *slog.Logger
	metrics  *metrics
	pub, sub *link
	sender   sender
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// Open starts connecting to url (amqp://…) and returns at once: a service starts
// while the broker is down. The error is a fault in url or topology.
func Open(url string, opts Options) (*Conn, error) {
	uri, err := amqp.ParseURI(url)
	if err != nil {
		return nil, fmt.Errorf("rabbit: url: %w; want amqp://user:password@host:port/vhost", err)
	}
	if opts.Topology != nil {
		if err := opts.Topology.check(); err != nil {
			return nil, err
		}
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	c := &Conn{topology: opts.Topology, log: opts.Log.With("broker", uri.Host+":"+fmt.Sprint(uri.Port))}
	if c.metrics, err = newMetrics(opts.Metrics); err != nil {
		return nil, err
	}
	c.pub = &link{conn: c, url: url, name: opts.Name, role: "publish", changed: make(chan struct{})}
	c.sub = &link{conn: c, url: url, name: opts.Name, role: "consume", changed: make(chan struct{})}
	c.sender.conn = c
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.done.Go(func() { c.pub.run(ctx) })
	c.done.Go(func() { c.sub.run(ctx) })
	return c, nil
}

// Close ends both connections. Stop publishing and consuming before.
func (c *Conn) Close() error {
	c.stop()
	c.done.Wait()
	return nil
}

// Ready is a readiness check: nil while both connections stand and the broker
// takes publications.
func (c *Conn) Ready(context.Context) error {
	for _, l := range []*link{c.pub, c.sub} {
		if _, _, state := l.get(); state != nil {
			return state
		}
	}
	return nil
}

// EventExchange is the topology's exchange of events, or empty without one.
func (c *Conn) EventExchange() string {
	if c.topology == nil {
		return ""
	}
	return c.topology.Exchange
}

// Declare declares the topology now and reports what is wrong with it. Only
// tools need it; every [Conn] does the same on its own and logs the faults.
func (c *Conn) Declare(ctx context.Context) error {
	conn, err := c.pub.wait(ctx)
	if err != nil {
		return err
	}
	return c.topology.declare(conn)
}

// link keeps one connection.
type link struct {
	conn            *Conn
	url, name, role string

	mu      sync.Mutex
	current *amqp.Connection
	state   error         // why current cannot be used; nil if it can
	changed chan struct{} // closed at the next change of current or state
}

var errConnecting = errors.New("rabbit: not connected yet")

func (l *link) get() (conn *amqp.Connection, changed <-chan struct{}, unusable error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil && l.state == nil {
		return nil, l.changed, errConnecting
	}
	return l.current, l.changed, l.state
}

func (l *link) set(conn *amqp.Connection, state error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.state = conn, state
	close(l.changed)
	l.changed = make(chan struct{})
	up := 0.0
	if state == nil {
		up = 1
	}
	l.conn.metrics.up.WithLabelValues(l.role).Set(up)
}

// wait returns the connection as soon as it is usable.
func (l *link) wait(ctx context.Context) (*amqp.Connection, error) {
	for {
		conn, changed, state := l.get()
		if state == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", state, ctx.Err())
		case <-changed:
		}
	}
}

// run keeps the connection until ctx ends.
func (l *link) run(ctx context.Context) {
	backoff := reconnectFirst
	for ctx.Err() == nil {
		conn, err := l.dial()
		if err != nil {
			l.set(nil, fmt.Errorf("rabbit: cannot connect: %w", err))
			l.conn.log.Warn("cannot connect to RabbitMQ", "role", l.role, "error", err, "again_in", backoff)
			select {
			case <-ctx.Done():
			case <-time.After(jitter(backoff)):
			}
			backoff = min(2*backoff, reconnectMost)
			continue
		}
		backoff = reconnectFirst
		l.hold(ctx, conn)
	}
	l.set(nil, amqp.ErrClosed)
}

func (l *link) dial() (*amqp.Connection, error) {
	conn, err := amqp.DialConfig(l.url, amqp.Config{
		Heartbeat:  heartbeat,
		Dial:       amqp.DefaultDial(dialTimeout),
		Properties: amqp.Table{"connection_name": l.name + " (" + l.role + ")", "product": "JobPilot"},
	})
	if err != nil {
		return nil, err
	}
	// Both roles declare: a consumer must not wait for a publisher's link. A
	// topology that does not fit stops nobody who uses the parts that do.
	if l.conn.topology != nil {
		if err := l.conn.topology.declare(conn); err != nil {
			l.conn.log.Error("the queues on RabbitMQ are not as the contract has them", "error", err)
			if conn.IsClosed() {
				return nil, err
			}
		}
	}
	return conn, nil
}

// hold follows one connection until it is lost or ctx ends.
func (l *link) hold(ctx context.Context, conn *amqp.Connection) {
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	l.set(conn, nil)
	for {
		select {
		case <-ctx.Done():
			_ = conn.CloseDeadline(time.Now().Add(time.Second))
			return
		case err := <-closed:
			state := errors.New("rabbit: connection lost")
			if err != nil {
				state = fmt.Errorf("rabbit: connection lost: %w", err)
			}
			l.set(nil, state)
			l.conn.log.Warn("connection to RabbitMQ lost", "role", l.role, "error", state)
			return
		case b, ok := <-blocked:
			switch {
			case !ok:
				blocked = nil
			case b.Active && l.role == "publish":
				l.set(conn, fmt.Errorf("rabbit: the broker takes no messages: %s", b.Reason))
				l.conn.log.Warn("RabbitMQ takes no messages", "reason", b.Reason)
			case l.role == "publish":
				l.set(conn, nil)
			}
		}
	}
}
