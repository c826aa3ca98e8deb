package mlswire

import "reflect"

// Costs returns, for each structure that the budget counts, what it counts and
// what the structure takes.
func Costs() map[string][2]uintptr {
	size := func(cost int64, t reflect.Type) [2]uintptr { return [2]uintptr{uintptr(cost), t.Size()} }
	return map[string][2]uintptr{
		"pointer":               size(costPointer, reflect.TypeFor[*LeafNode]()),
		"bytes":                 size(costBytes, reflect.TypeFor[[]byte]()),
		"ExternalInit":          size(costBytes, reflect.TypeFor[ExternalInit]()),
		"GroupContextExt.":      size(costBytes, reflect.TypeFor[GroupContextExtensions]()),
		"Extension":             size(costExtension, reflect.TypeFor[Extension]()),
		"ExternalSender":        size(costExternalSender, reflect.TypeFor[ExternalSender]()),
		"LeafNode":              size(costLeafNode, reflect.TypeFor[LeafNode]()),
		"Update":                size(costLeafNode, reflect.TypeFor[Update]()),
		"ParentNode":            size(costParentNode, reflect.TypeFor[ParentNode]()),
		"Add":                   size(costKeyPackage, reflect.TypeFor[Add]()),
		"ProposalOrRef":         size(costProposalOrRef, reflect.TypeFor[ProposalOrRef]()),
		"PreSharedKeyID":        size(costPreSharedKeyID, reflect.TypeFor[PreSharedKeyID]()),
		"PreSharedKey":          size(costPreSharedKeyID, reflect.TypeFor[PreSharedKey]()),
		"ReInit":                size(costReInit, reflect.TypeFor[ReInit]()),
		"Remove":                size(costRemove, reflect.TypeFor[Remove]()),
		"Commit":                size(costCommit, reflect.TypeFor[Commit]()),
		"HPKECiphertext":        size(costHPKECiphertext, reflect.TypeFor[HPKECiphertext]()),
		"UpdatePathNode":        size(costUpdatePathNode, reflect.TypeFor[UpdatePathNode]()),
		"UpdatePath":            size(costUpdatePath, reflect.TypeFor[UpdatePath]()),
		"EncryptedGroupSecrets": size(costEncryptedSecret, reflect.TypeFor[EncryptedGroupSecrets]()),
	}
}
