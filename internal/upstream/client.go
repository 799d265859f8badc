package upstream

import (
	"encoding/json"
	"fmt"

	"parvis/internal/jose"
)

// JWKS are the public keys that a provider must know of us besides those of the
// deployment: the one of oidc.private_key_file and those of oidc.decryption_key_file.
// A set without keys when there are none.
func (c Client) JWKS() ([]byte, error) {
	var out struct {
		Keys []json.RawMessage `json:"keys"`
	}
	out.Keys = []json.RawMessage{}
	add := func(set []byte, err error) error {
		var some struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err == nil {
			err = json.Unmarshal(set, &some)
		}
		out.Keys = append(out.Keys, some.Keys...)
		return err
	}
	if c.Signer != nil {
		if err := add(jose.NewKeySet(c.Signer.JWK()).JSON()); err != nil {
			return nil, fmt.Errorf("upstream: public keys: %w", err)
		}
	}
	if c.Decrypter != nil {
		if err := add(c.Decrypter.JSON()); err != nil {
			return nil, fmt.Errorf("upstream: public keys: %w", err)
		}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("upstream: public keys: %w", err)
	}
	return raw, nil
}
