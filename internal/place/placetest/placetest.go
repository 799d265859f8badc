// Package placetest writes small files in the MaxMind DB format (version 2.0) for tests.
package placetest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
)

// Names are a town and a country in languages.
type Names struct {
	City, Country map[string]string
}

// File is a file that knows IPv4 networks.
func File(networks map[netip.Prefix]Names) []byte {
	type node struct{ next [2]int } // 0: nothing; > 0: a node; < 0: -1 - offset into data
	nodes, data := []node{{}}, &bytes.Buffer{}
	for _, p := range slices.SortedFunc(maps.Keys(networks), func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) }) {
		at, bits := 0, p.Addr().As4()
		for i := range p.Bits() {
			bit := bits[i/8] >> (7 - i%8) & 1
			if i == p.Bits()-1 {
				nodes[at].next[bit] = -1 - data.Len()
				break
			}
			if nodes[at].next[bit] <= 0 {
				nodes = append(nodes, node{})
				nodes[at].next[bit] = len(nodes) - 1
			}
			at = nodes[at].next[bit]
		}
		n := networks[p]
		head(data, 7, 2)
		text(data, "city")
		named(data, n.City)
		text(data, "country")
		named(data, n.Country)
	}
	out, count := &bytes.Buffer{}, len(nodes)
	for _, n := range nodes {
		for _, next := range n.next {
			switch {
			case next == 0:
				next = count
			case next < 0:
				next = count + 16 - 1 - next
			}
			out.Write([]byte{byte(next >> 16), byte(next >> 8), byte(next)})
		}
	}
	out.Write(make([]byte, 16))
	out.Write(data.Bytes())
	out.WriteString("\xab\xcd\xefMaxMind.com")
	head(out, 7, 9)
	number(out, "binary_format_major_version", 5, 2)
	number(out, "binary_format_minor_version", 5, 0)
	number(out, "build_epoch", 9, 1_700_000_000)
	text(out, "database_type")
	text(out, "Test-City")
	text(out, "description")
	named(out, nil)
	number(out, "ip_version", 5, 4)
	text(out, "languages")
	head(out, 11, 0)
	number(out, "node_count", 6, uint64(count))
	number(out, "record_size", 5, 24)
	return out.Bytes()
}

func named(b *bytes.Buffer, names map[string]string) {
	if b.Len() > 0 && names != nil {
		head(b, 7, 1)
		text(b, "names")
	}
	head(b, 7, len(names))
	for _, lang := range slices.Sorted(maps.Keys(names)) {
		text(b, lang)
		text(b, names[lang])
	}
}

func number(b *bytes.Buffer, key string, kind int, v uint64) {
	text(b, key)
	raw := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, v), "\x00")
	head(b, kind, len(raw))
	b.Write(raw)
}

func text(b *bytes.Buffer, s string) {
	head(b, 2, len(s))
	b.WriteString(s)
}

// head writes the control bytes of a field of at most 284 bytes or pairs.
func head(b *bytes.Buffer, kind, size int) {
	first := kind << 5
	if kind > 7 {
		first = 0
	}
	short := min(size, 29)
	b.WriteByte(byte(first | short))
	if kind > 7 {
		b.WriteByte(byte(kind - 7))
	}
	if size >= 29 {
		b.WriteByte(byte(size - 29))
	}
}
