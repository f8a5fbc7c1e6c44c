// An API in Go: GET /orders for tokens with the scope read:profile; and a client that gets one.
package main

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt"
)

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

var (
	issuer   = env("ISSUER", "http://localhost:3000")
	audience = env("AUDIENCE", "https://orders.example.com")
	client   = &http.Client{Timeout: 5 * time.Second}
)

// Keys are those of the issuer, fetched when they are old, or when an unknown one is named, but at most every 30 seconds.
type Keys struct {
	mutex   sync.Mutex
	byID    map[string]*rsa.PublicKey
	fetched time.Time
}

func (keys *Keys) find(id string) (*rsa.PublicKey, error) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	age := time.Since(keys.fetched)
	if age > 5*time.Minute || (keys.byID[id] == nil && age > 30*time.Second) {
		if err := keys.fetch(); err != nil && age > 15*time.Minute {
			return nil, err
		}
	}
	if key := keys.byID[id]; key != nil {
		return key, nil
	}
	return nil, errors.New("unknown key")
}

func (keys *Keys) fetch() error {
	response, err := client.Get(issuer + "/.well-known/jwks.json")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var set struct {
		Keys []struct{ Kid, Kty, Alg, N, E string }
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<18)).Decode(&set); err != nil {
		return err
	}
	found := map[string]*rsa.PublicKey{}
	for _, key := range set.Keys {
		n, errN := base64.RawURLEncoding.DecodeString(key.N)
		e, errE := base64.RawURLEncoding.DecodeString(key.E)
		if key.Kty == "RSA" && key.Alg == "RS256" && errN == nil && errE == nil {
			found[key.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		}
	}
	keys.byID, keys.fetched = found, time.Now()
	return nil
}

type claimsKey struct{}

// require lets requests through whose token is good (RFC 9068 section 4) and holds the scope.
func require(keys *Keys, scope string, next http.HandlerFunc) http.HandlerFunc {
	parser := jwt.Parser{ValidMethods: []string{"RS256"}}
	return func(writer http.ResponseWriter, request *http.Request) {
		parts := strings.SplitN(request.Header.Get("Authorization"), " ", 2)
		if len(parts) != 2 {
			refuse(writer, 401, "Bearer")
			return
		}
		claims := jwt.MapClaims{}
		token, err := parser.ParseWithClaims(parts[1], claims, func(token *jwt.Token) (interface{}, error) {
			id, _ := token.Header["kid"].(string)
			return keys.find(id)
		})
		// A token that is bound to a key is no bearer token.
		_, bound := claims["cnf"]
		if err != nil || !strings.EqualFold(parts[0], "bearer") || token.Header["typ"] != "at+jwt" || bound ||
			claims["exp"] == nil || !claims.VerifyIssuer(issuer, true) || !claims.VerifyAudience(audience, true) {
			refuse(writer, 401, `Bearer error="invalid_token"`)
			return
		}
		if held, _ := claims["scope"].(string); !covers(strings.Fields(held), scope) {
			refuse(writer, 403, fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s"`, scope))
			return
		}
		next(writer, request.WithContext(context.WithValue(request.Context(), claimsKey{}, claims)))
	}
}

func covers(held []string, asked string) bool {
	for _, scope := range held {
		if scope == asked || (strings.HasSuffix(scope, ":*") && strings.HasPrefix(asked, scope[:len(scope)-1])) {
			return true
		}
	}
	return false
}

func refuse(writer http.ResponseWriter, status int, challenge string) {
	writer.Header().Set("WWW-Authenticate", challenge)
	writer.Header().Set("Cache-Control", "no-store")
	writer.WriteHeader(status)
}

func serve() {
	keys := &Keys{}
	list := require(keys, "read:profile", func(writer http.ResponseWriter, request *http.Request) {
		claims := request.Context().Value(claimsKey{}).(jwt.MapClaims)
		writer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(writer).Encode(map[string]interface{}{"orders": []string{"order-1"}, "for": claims["client_id"]})
	})
	remove := require(keys, "manage:orders", func(writer http.ResponseWriter, _ *http.Request) { writer.WriteHeader(204) })
	http.HandleFunc("/orders", func(writer http.ResponseWriter, request *http.Request) {
		switch request.Method {
		case http.MethodGet:
			list(writer, request)
		case http.MethodDelete:
			remove(writer, request)
		default:
			writer.WriteHeader(405)
		}
	})
	port := env("PORT", "8080")
	fmt.Printf("listening on http://localhost:%s\n", port)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}

func token() (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {audience}, "scope": {"read:profile"}}
	request, err := http.NewRequest("POST", os.Getenv("SERVICE_TOKEN_URL"), strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(os.Getenv("SERVICE_CLIENT_ID")), url.QueryEscape(os.Getenv("SERVICE_CLIENT_SECRET")))
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("no token: %d %s", response.StatusCode, answer.Error)
	}
	return answer.AccessToken, nil
}

func call() error {
	value, err := token()
	if err != nil {
		return err
	}
	request, err := http.NewRequest("GET", env("API_URL", "http://localhost:8080")+"/orders", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+value)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, strings.TrimSpace(string(body)))
	return err
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		serve()
	}
	if err := call(); err != nil {
		log.Fatal(err)
	}
}
