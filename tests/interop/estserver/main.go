// A foreign EST server (RFC 7030) for the test of the channel ca-est: GlobalSign's implementation on the loopback address, with a
// small CA behind it. The protocol is theirs; ours are the CA and the log of what was asked.
//
//	estserver DIR
//
// DIR gets ca.pem (the CA that issues, also the clients'), server.pem (the server's own), client.pem and client.key (a client
// certificate in the last tenth of its life). Standard output gets "listening PORT", then one line for each enrolment: its
// operation, who asked (the TLS client's serial number, or Basic's user), and the request's common name. It ends with its input.
//
// Without CA label both kinds of authentication do; the label "basic" wants user hufu with password secret, "slow" lets each
// request wait once, "closed" refuses, "p384" wants another curve.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/globalsign/est"
)

const (
	user     = "hufu"
	password = "secret"
	day      = 24 * time.Hour
)

// refusal is an answer of the CA that is no certificate.
type refusal struct {
	status, retry int
	text          string
}

func (r refusal) StatusCode() int { return r.status }
func (r refusal) Error() string   { return r.text }
func (r refusal) RetryAfter() int { return r.retry }

// authority is a CA with its key in memory.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	mutex       sync.Mutex
	waited      map[[32]byte]bool
}

func (a *authority) CACerts(context.Context, string, *http.Request) ([]*x509.Certificate, error) {
	return []*x509.Certificate{a.certificate}, nil
}

func (a *authority) CSRAttrs(_ context.Context, label string, _ *http.Request) (est.CSRAttrs, error) {
	// extensionRequest is what most servers name; it asks nothing of a client that has nothing to request.
	attributes := est.CSRAttrs{OIDs: []asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 9, 14}}}
	if label == "p384" {
		attributes.Attributes = []est.Attribute{{
			Type:   asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1},
			Values: est.AttributeValueSET{asn1.ObjectIdentifier{1, 3, 132, 0, 34}},
		}}
	}
	return attributes, nil
}

func (a *authority) Enroll(_ context.Context, csr *x509.CertificateRequest, label string, r *http.Request) (*x509.Certificate, error) {
	fmt.Println("simpleenroll", asker(r), csr.Subject.CommonName)
	switch label {
	case "closed":
		return nil, refusal{http.StatusForbidden, 0, "not on our list"}
	case "slow":
		a.mutex.Lock()
		defer a.mutex.Unlock()
		digest := sha256.Sum256(csr.Raw)
		if !a.waited[digest] {
			a.waited[digest] = true
			return nil, refusal{http.StatusAccepted, 1, "an officer looks at it"}
		}
	}
	return a.issue(csr.RawSubject, csr.PublicKey, csr.Extensions, 300*day, 0)
}

func (a *authority) Reenroll(_ context.Context, old *x509.Certificate, csr *x509.CertificateRequest, _ string, r *http.Request) (*x509.Certificate, error) {
	fmt.Println("simplereenroll", asker(r), csr.Subject.CommonName)
	if same, ok := old.PublicKey.(*ecdsa.PublicKey); ok && same.Equal(csr.PublicKey) {
		return nil, refusal{http.StatusBadRequest, 0, "we want a new key"}
	}
	return a.issue(csr.RawSubject, csr.PublicKey, csr.Extensions, 90*day, 0)
}

func (a *authority) ServerKeyGen(context.Context, *x509.CertificateRequest, string, *http.Request) (*x509.Certificate, []byte, error) {
	return nil, nil, refusal{http.StatusNotImplemented, 0, "not offered"}
}

func (a *authority) TPMEnroll(context.Context, *x509.CertificateRequest, []*x509.Certificate, []byte, []byte, string, *http.Request) ([]byte, []byte, []byte, error) {
	return nil, nil, nil, refusal{http.StatusNotImplemented, 0, "not offered"}
}

// asker names who sent a request.
func asker(r *http.Request) string {
	if name, _, ok := r.BasicAuth(); ok {
		return "basic:" + name
	}
	return "tls:" + r.TLS.PeerCertificates[0].SerialNumber.Text(16)
}

// known lets in whoever has a certificate of the CA, except where a label wants the password.
func known(_ context.Context, r *http.Request, label, name, secret string) error {
	if name == user && secret == password {
		return nil
	}
	if label != "basic" && name == "" && len(r.TLS.VerifiedChains) > 0 {
		return nil
	}
	return errors.New("who are you?")
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(err)
	return n.SetBit(n, 120, 1)
}

// issue makes a certificate that began `age` ago and lives for `life` from then.
func (a *authority) issue(subject []byte, key any, asked []pkix.Extension, life, age time.Duration) (*x509.Certificate, error) {
	from := time.Now().Add(-age)
	template := &x509.Certificate{
		SerialNumber: serial(), RawSubject: subject, NotBefore: from, NotAfter: from.Add(life),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
	}
	for _, extension := range asked {
		if extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			template.ExtraExtensions = append(template.ExtraExtensions, extension)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key, a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func root(name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Country: []string{"CN"}, CommonName: name},
		NotBefore: time.Now().Add(-100 * day), NotAfter: time.Now().Add(3650 * day), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	certificate, err := x509.ParseCertificate(der)
	must(err)
	return &authority{certificate: certificate, key: key, waited: map[[32]byte]bool{}}
}

func write(file, kind string, der []byte) {
	must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: estserver DIR")
	}
	file := func(name string) string { return filepath.Join(os.Args[1], name) }
	ca := root("Foreign EST CA")
	write(file("ca.pem"), "CERTIFICATE", ca.certificate.Raw)

	// A client certificate that has lived 89 of its 90 days, with a name beside the subject that a renewal must keep.
	clientKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	subject, err := asn1.Marshal(pkix.Name{Country: []string{"CN"}, CommonName: "hufu at the foreign CA"}.ToRDNSequence())
	must(err)
	name, err := asn1.Marshal([]asn1.RawValue{{Class: 2, Tag: 2, Bytes: []byte("hufu.example")}})
	must(err)
	named := []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: name}}
	client, err := ca.issue(subject, clientKey.Public(), named, 90*day, 89*day)
	must(err)
	write(file("client.pem"), "CERTIFICATE", client.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(clientKey)
	must(err)
	write(file("client.key"), "PRIVATE KEY", der)

	// The server's own certificate, self-signed: trusted because it is named.
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	server := root("Foreign EST server")
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(day), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err = x509.CreateCertificate(rand.Reader, template, server.certificate, serverKey.Public(), server.key)
	must(err)
	write(file("server.pem"), "CERTIFICATE", server.certificate.Raw)

	router, err := est.NewRouter(&est.ServerConfig{CA: ca, CheckBasicAuth: known})
	must(err)
	clients := x509.NewCertPool()
	clients.AddCert(ca.certificate)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: serverKey}},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: clients, MinVersion: tls.VersionTLS12,
	})
	must(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	must(http.Serve(listener, router))
}
