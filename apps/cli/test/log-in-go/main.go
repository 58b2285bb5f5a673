// Reads a published transparency log with Go's own implementation of signed notes and Merkle trees, which shares no
// code with ours: the checkpoint, every entry's inclusion, consistency with every earlier size, and one proof file.
//
// Usage: log-in-go URL VERIFIER_KEY < PROOF_FILE
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func get(url string) []byte {
	response := must(http.Get(url))
	defer response.Body.Close()
	body := must(io.ReadAll(io.LimitReader(response.Body, 1<<24)))
	if response.StatusCode != 200 {
		must(0, fmt.Errorf("%s: status %d", url, response.StatusCode))
	}
	return body
}

// published reads tiles of height 8; the paths of c2sp.org/tlog-tiles leave the height out.
type published struct{ base string }

func (log published) Height() int                     { return 8 }
func (log published) SaveTiles([]tlog.Tile, [][]byte) {}
func (log published) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		read = append(read, get(log.base+"/"+strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return read, nil
}

func entryAt(base string, index, size int64) []byte {
	bundle := index / 256
	width := min(size-bundle*256, 256)
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: bundle, W: int(width)}.Path(), "tile/8/0/", "tile/entries/", 1)
	bytes := get(base + "/" + path)
	for at := int64(0); ; at++ {
		length := binary.BigEndian.Uint16(bytes)
		if at == index%256 {
			return bytes[2 : 2+length]
		}
		bytes = bytes[2+length:]
	}
}

func main() {
	base, verifiers := os.Args[1], note.VerifierList(must(note.NewVerifier(os.Args[2])))
	opened := must(note.Open(get(base+"/checkpoint"), verifiers))
	tree := must(tlog.ParseTree([]byte("go.sum database tree\n" + opened.Text[strings.Index(opened.Text, "\n")+1:])))
	reader := tlog.TileHashReader(tree, published{base})
	if root := must(tlog.TreeHash(tree.N, reader)); root != tree.Hash {
		must(0, fmt.Errorf("another root"))
	}
	for index := int64(0); index < tree.N; index++ {
		proof := must(tlog.ProveRecord(tree.N, index, reader))
		must(0, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entryAt(base, index, tree.N))))
		if index > 0 {
			earlier := must(tlog.TreeHash(index, reader))
			must(0, tlog.CheckTree(must(tlog.ProveTree(tree.N, index, reader)), tree.N, tree.Hash, index, earlier))
		}
	}

	head, checkpoint, _ := strings.Cut(string(must(io.ReadAll(os.Stdin))), "\n\n")
	lines := strings.Split(head, "\n")
	signed := must(note.Open([]byte(checkpoint), verifiers))
	then := must(tlog.ParseTree([]byte("go.sum database tree\n" + signed.Text[strings.Index(signed.Text, "\n")+1:])))
	index := must(strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64))
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		proof = append(proof, tlog.Hash(must(base64.StdEncoding.DecodeString(line))))
	}
	leaf := tlog.RecordHash(entryAt(base, index, tree.N))
	must(0, tlog.CheckRecord(proof, then.N, then.Hash, index, leaf))
	fmt.Printf("%d entries, receipt at %d\n", tree.N, index)
}
