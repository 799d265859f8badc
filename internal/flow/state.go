package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"parvis/internal/fault"
	"parvis/internal/id"
)

// errNewer says that a newer program wrote the state.
var errNewer = errors.New("flow: the state was written by a newer version")

// encode seals the state for its row. A state beyond the cap is refused: it
// grows by what a stranger sends.
func (f Flows) encode(flow id.Flow, s State) ([]byte, error) {
	s.Version = Version
	text, err := Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("flow: encode state: %w", err)
	}
	if len(text) > f.Settings.StateBytes {
		return nil, fault.New(fault.Invalid, "error.flow.too-large")
	}
	return f.Keys.Seal("flow", "state", string(flow), text), nil
}

// Marshal is JSON that no page embeds: what HTML would need escaped stays one byte, where
// json.Marshal writes six and a cap would hold a sixth of what it says.
func Marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err //nolint:wrapcheck // wrapped by its callers
}

// decode opens a sealed state and upgrades it.
func (f Flows) decode(flow id.Flow, sealed []byte) (State, error) {
	text, err := f.Keys.Open("flow", "state", string(flow), sealed)
	if err != nil {
		return State{}, fmt.Errorf("flow: open state: %w", err)
	}
	return upgrade(text)
}

// upgrade reads a state of any version up to ours. One case per older version
// rewrites it into the next; there is none yet.
func upgrade(text []byte) (State, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return State{}, fmt.Errorf("flow: decode state: %w", err)
	}
	switch {
	case head.Version > Version:
		return State{}, errNewer
	case head.Version < Version:
		return State{}, fmt.Errorf("flow: state has the version %d, which was never written", head.Version)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, fmt.Errorf("flow: decode state: %w", err)
	}
	return s, nil
}
