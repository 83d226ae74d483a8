package mongowire

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/xdg-go/scram"
)

// How a password is salted: as many rounds and bytes as MongoDB takes for
// SCRAM-SHA-256.
const (
	scramRounds = 15_000
	saltSize    = 28
)

// Credentials are those of the one user who may log in. The password itself is
// not kept.
type Credentials struct {
	username string
	stored   scram.StoredCredentials
	// secret makes up what is told of users that there are not, so that they can't
	// be told from the one that there is.
	secret []byte
}

// NewCredentials returns the credentials of a user. A name or password that is
// empty, or a password that can't be prepared for SCRAM, is an error.
func NewCredentials(username, password string) (*Credentials, error) {
	if username == "" || password == "" {
		return nil, errors.New("a login takes a user name and a password")
	}
	random := make([]byte, saltSize+sha256.Size)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("salt: %w", err)
	}
	client, err := scram.SHA256.NewClient("user", password, "")
	if err != nil {
		return nil, errors.New("the password has characters that can't be in one")
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(random[:saltSize]), Iters: scramRounds})
	if err != nil {
		return nil, fmt.Errorf("keys of the password: %w", err)
	}
	return &Credentials{username: username, stored: stored, secret: random[saltSize:]}, nil
}

// conversation begins a login.
func (c *Credentials) conversation() (*scram.ServerConversation, error) {
	server, err := scram.SHA256.NewServer(c.lookUp)
	if err != nil {
		return nil, err
	}
	return server.NewConversation(), nil
}

// lookUp returns what is known of a user. For one that there is not it is made
// up, and no password fits it.
func (c *Credentials) lookUp(username string) (scram.StoredCredentials, error) {
	if subtle.ConstantTimeCompare([]byte(username), []byte(c.username)) == 1 {
		return c.stored, nil
	}
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(c.made("salt", username)[:saltSize]), Iters: scramRounds},
		StoredKey:  c.made("stored key", username),
		ServerKey:  c.made("server key", username),
	}, nil
}

func (c *Credentials) made(what, username string) []byte {
	mac := hmac.New(sha256.New, c.secret)
	mac.Write([]byte(what))
	mac.Write([]byte{0})
	mac.Write([]byte(username))
	return mac.Sum(nil)
}
