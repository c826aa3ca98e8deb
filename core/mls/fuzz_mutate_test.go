package mls

import (
	"reflect"
	"slices"

	"conclave/core/mlswire"
)

// A mutator changes fields of structures as its bytes say. After its last byte
// it reads zeros, which change little.
type mutator struct {
	ops []byte
	// pool holds values of fields of genuine structures, to be put elsewhere.
	pool [][]byte
	// proposals may take the place of others.
	proposals []mlswire.Proposal
}

func (m *mutator) next() int {
	if len(m.ops) == 0 {
		return 0
	}
	b := m.ops[0]
	m.ops = m.ops[1:]
	return int(b)
}

// index returns a number below n, which is not 0. It takes as many bytes as n
// needs.
func (m *mutator) index(n int) int {
	i := m.next()
	for most := 255; most < n-1; most = most<<8 | 255 {
		i = i<<8 | m.next()
	}
	return i % n
}

// proposal returns a copy of a proposal, so that it can be changed in turn.
func (m *mutator) proposal() mlswire.Proposal {
	return must1(mlswire.ParseProposal(mlswire.Marshal(m.proposals[m.index(len(m.proposals))])))
}

// bytes returns b with a change; b itself stays as it is.
func (m *mutator) bytes(b []byte) []byte {
	b = slices.Clone(b)
	switch op := m.next() % 8; {
	case op == 0 && len(b) > 0:
		b[m.index(len(b))] ^= 1 << m.index(8)
	case op == 1 && len(b) > 0:
		return b[:m.index(len(b))]
	case op == 2:
		return append(b, byte(m.next()))
	case op == 3:
		return nil
	case op == 4 && len(m.pool) > 0:
		return slices.Clone(m.pool[m.index(len(m.pool))])
	case op == 5 && len(b) > 0:
		b[m.index(len(b))] = byte(m.next())
	case op == 6 && len(b) > 0:
		i := m.index(len(b))
		return slices.Insert(b, i, byte(m.next()))
	default:
		return slices.Repeat(b, 2)
	}
	return b
}

// uint returns another number, often one at an edge.
func (m *mutator) uint(v uint64, bits int) uint64 {
	most := uint64(1)<<(bits-1)<<1 - 1
	return []uint64{v + 1, v - 1, 0, 1, 2, 3, most, most - 1, most / 2, v << 1, uint64(m.next())}[m.index(11)] & most
}

// enums are the types of which only some values can be encoded.
var enums = map[reflect.Type][]uint64{
	reflect.TypeFor[mlswire.CredentialType]():     {1, 2},
	reflect.TypeFor[mlswire.LeafNodeSource]():     {1, 2, 3},
	reflect.TypeFor[mlswire.SenderType]():         {1, 2, 3, 4},
	reflect.TypeFor[mlswire.PSKType]():            {1, 2},
	reflect.TypeFor[mlswire.ResumptionPSKUsage](): {1, 2, 3},
}

// change changes one field of what v points to, at any depth. What v shares with
// others must be its own before.
func (m *mutator) change(v any) {
	var sites []reflect.Value
	collect(reflect.ValueOf(v).Elem(), &sites)
	if len(sites) > 0 {
		m.changeSite(sites[m.index(len(sites))])
	}
}

// collect lists what can be changed at and below v.
func collect(v reflect.Value, sites *[]reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			// What a content holds must go with its type.
			if v.Type().Field(i).Type != reflect.TypeFor[mlswire.ContentType]() {
				collect(v.Field(i), sites)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), sites)
		}
		if v.Type() == reflect.TypeFor[*mlswire.UpdatePath]() {
			*sites = append(*sites, v)
		}
	case reflect.Interface:
		if !v.IsNil() {
			*sites = append(*sites, v)
			collect(v.Elem().Elem(), sites)
		}
	case reflect.Slice:
		*sites = append(*sites, v)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			collect(v.Index(i), sites)
		}
	default:
		*sites = append(*sites, v)
	}
}

func (m *mutator) changeSite(v reflect.Value) {
	values, isEnum := enums[v.Type()]
	switch {
	case isEnum:
		v.SetUint(values[m.index(len(values))])
	case v.CanUint():
		v.SetUint(m.uint(v.Uint(), v.Type().Bits()))
	case v.Kind() == reflect.Pointer:
		v.SetZero()
	case v.Kind() == reflect.Interface:
		v.Set(reflect.ValueOf(m.proposal()))
	case v.Type().Elem().Kind() == reflect.Uint8:
		v.SetBytes(m.bytes(v.Bytes()))
	default:
		m.changeList(v)
	}
}

// changeList drops, doubles, swaps or empties elements.
func (m *mutator) changeList(v reflect.Value) {
	if v.Len() == 0 {
		v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		m.fill(v.Index(0))
		return
	}
	i := m.index(v.Len())
	switch m.next() % 4 {
	case 0:
		v.Set(reflect.AppendSlice(v.Slice3(0, i, i), v.Slice(i+1, v.Len())))
	case 1:
		v.Set(reflect.Append(v.Slice3(0, v.Len(), v.Len()), v.Index(i)))
	case 2:
		swapped := reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v)
		reflect.Swapper(swapped.Interface())(i, m.index(v.Len()))
		v.Set(swapped)
	default:
		v.SetZero()
	}
}

// fill makes a zero element one that can be encoded.
func (m *mutator) fill(v reflect.Value) {
	switch v.Addr().Interface().(type) {
	case *mlswire.ProposalOrRef:
		v.Set(reflect.ValueOf(mlswire.ProposalOrRef{Proposal: m.proposal()}))
	case *mlswire.Extension:
		v.Set(reflect.ValueOf(mlswire.Extension{Type: mlswire.ExtensionType(m.next()), Data: m.bytes(nil)}))
	}
}
