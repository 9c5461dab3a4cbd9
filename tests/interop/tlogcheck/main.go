// Tlogcheck judges an exported audit log with other people's code: the checkpoint with the note verifier of
// transparency-dev/formats, the tiles with golang.org/x/mod/sumdb/tlog, which authenticates every hash it reads from a tile
// against the checkpoint's root, and the records against those hashes.
//
//	tlogcheck EXPORT
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads C2SP tlog-tiles; x/mod's own path has the height in it, the C2SP one has not.
type tiles string

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(t), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	log.SetFlags(0)
	folder := os.Args[1]
	keys, err := os.ReadFile(filepath.Join(folder, "key"))
	check(err)
	lines := strings.Split(strings.TrimSpace(string(keys)), "\n")
	key := lines[len(lines)-1]
	verifier, err := fnote.NewVerifier(key)
	check(err)
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	check(err)
	checkpoint, _, _, err := flog.ParseCheckpoint(signed, verifier.Name(), verifier)
	check(err)
	if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
		log.Fatal(err)
	}
	tree := tlog.Tree{N: int64(checkpoint.Size)}
	copy(tree.Hash[:], checkpoint.Hash)
	reader := tlog.TileHashReader(tree, tiles(folder))
	text, err := os.ReadFile(filepath.Join(folder, "records.jsonl"))
	check(err)
	records := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if int64(len(records)) != tree.N {
		log.Fatalf("%d records, the checkpoint says %d", len(records), tree.N)
	}
	for n := int64(0); n < tree.N; n++ {
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		check(err)
		if hashes[0] != tlog.RecordHash(records[n]) {
			log.Fatalf("record %d is not the one in the tree", n)
		}
	}
	for n := int64(0); n < tree.N; n += 1 + tree.N/50 {
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(records[n])))
	}
	fmt.Printf("sound: %d records of %s\n", tree.N, checkpoint.Origin)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
