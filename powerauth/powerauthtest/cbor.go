package powerauthtest

import (
	"encoding/binary"
	"errors"
	"slices"
)

// This is the part of CBOR (RFC 8949) that attestations are written in: numbers, texts, bytes, lists and maps of definite length.

var errCBOR = errors.New("not the CBOR of an attestation")

// The major types.
const (
	cborUnsigned = iota
	cborNegative
	cborBytes
	cborText
	cborList
	cborMap
)

// pair is a member of a map, which keeps its order.
type pair struct{ key, value any }

// encodeCBOR writes int, string, []byte and []pair.
func encodeCBOR(b []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		if v < 0 {
			return cborHead(b, cborNegative, uint64(-1-v))
		}
		return cborHead(b, cborUnsigned, uint64(v))
	case string:
		return append(cborHead(b, cborText, uint64(len(v))), v...)
	case []byte:
		return append(cborHead(b, cborBytes, uint64(len(v))), v...)
	case []pair:
		b = cborHead(b, cborMap, uint64(len(v)))
		for _, p := range v {
			b = encodeCBOR(encodeCBOR(b, p.key), p.value)
		}
		return b
	}
	panic("powerauthtest: CBOR of a type that no attestation has")
}

func cborHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major<<5|byte(n))
	case n < 1<<8:
		return append(b, major<<5|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(n))
}

// cborReader reads CBOR from bytes that a stranger sent.
type cborReader struct {
	rest  []byte
	depth int
}

const maxCBORDepth = 8

// value reads the next int, string, []byte, []any or map[any]any.
func (r *cborReader) value() (any, error) {
	if r.depth++; r.depth > maxCBORDepth {
		return nil, errCBOR
	}
	defer func() { r.depth-- }()
	major, n, err := r.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case cborUnsigned:
		return int(n), nil
	case cborNegative:
		return -1 - int(n), nil
	case cborBytes:
		return r.bytes(n)
	case cborText:
		b, err := r.bytes(n)
		return string(b), err
	case cborList:
		var list []any
		for range n {
			v, err := r.value()
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case cborMap:
		return r.members(n)
	}
	return nil, errCBOR
}

func (r *cborReader) members(n uint32) (any, error) {
	m := make(map[any]any)
	for range n {
		key, err := r.value()
		if err != nil {
			return nil, err
		}
		switch key.(type) {
		case int, string:
		default:
			return nil, errCBOR
		}
		if m[key], err = r.value(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (r *cborReader) head() (major byte, n uint32, err error) {
	first, err := r.bytes(1)
	if err != nil {
		return 0, 0, err
	}
	major, info := first[0]>>5, first[0]&0x1f
	if info < 24 {
		return major, uint32(info), nil
	}
	if info > 26 {
		return 0, 0, errCBOR
	}
	size, err := r.bytes(1 << (info - 24))
	for _, b := range size {
		n = n<<8 | uint32(b)
	}
	return major, n, err
}

func (r *cborReader) bytes(n uint32) ([]byte, error) {
	if uint64(n) > uint64(len(r.rest)) {
		return nil, errCBOR
	}
	b := slices.Clone(r.rest[:n])
	r.rest = r.rest[n:]
	return b, nil
}
