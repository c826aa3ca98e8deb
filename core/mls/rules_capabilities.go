package mls

import (
	"slices"

	"conclave/core/mlswire"
)

// A typeSet is a set of the values of a registry. It lies on the stack, so that
// lists of any length are compared in linear time and at no cost of memory.
type typeSet [1 << 16 / 64]uint64

// add puts a type in and reports whether it was not there.
func (s *typeSet) add(t uint16) bool {
	had := s.has(t)
	s[t/64] |= 1 << (t % 64)
	return !had
}

func (s *typeSet) has(t uint16) bool { return s[t/64]&(1<<(t%64)) != 0 }

// fewTypes is for how many comparisons no set is made: the lists of genuine
// members are short.
const fewTypes = 1 << 10

// includes reports whether all of need are in have.
func includes[T ~uint16](have, need []T) bool {
	if int64(len(have))*int64(len(need)) <= fewTypes {
		return !slices.ContainsFunc(need, func(t T) bool { return !slices.Contains(have, t) })
	}
	var set typeSet
	for _, t := range have {
		set.add(uint16(t))
	}
	return !slices.ContainsFunc(need, func(t T) bool { return !set.has(uint16(t)) })
}

// extensionTypes returns the types of a list that a client must have listed to
// support them.
func extensionTypes(list mlswire.Extensions) []mlswire.ExtensionType {
	types := make([]mlswire.ExtensionType, 0, len(list))
	for _, e := range list {
		types = append(types, e.Type)
	}
	return distinct(types, isDefaultExtension)
}

// distinct returns each type of a list once, and none that is free. It may
// change the list.
func distinct[T ~uint16](list []T, free func(T) bool) []T {
	list = slices.DeleteFunc(list, free)
	slices.Sort(list)
	return slices.Compact(list)
}

// demands are what the parameters of a group require of each member: RFC 9420,
// Sections 11.1 and 13.4. Types that all clients support are left out.
type demands struct {
	version    mlswire.ProtocolVersion
	suite      mlswire.CipherSuite
	extensions []mlswire.ExtensionType // of the GroupContext
	required   mlswire.RequiredCapabilities
}

// demandsOf returns the demands of a group with the version and suite of
// context and the given extensions.
func demandsOf(context *mlswire.GroupContext, extensions mlswire.Extensions) (*demands, error) {
	d := &demands{version: context.Version, suite: context.CipherSuite, extensions: extensionTypes(extensions)}
	data, ok := extensions.Find(mlswire.ExtensionTypeRequiredCapabilities)
	if !ok {
		return d, nil
	}
	required, err := mlswire.ParseRequiredCapabilities(data)
	if err != nil {
		return nil, because(ErrExtensionData, err)
	}
	d.required = mlswire.RequiredCapabilities{
		ExtensionTypes: distinct(required.ExtensionTypes, isDefaultExtension),
		ProposalTypes:  distinct(required.ProposalTypes, isDefaultProposal),
		// There are no default credential types.
		CredentialTypes: distinct(required.CredentialTypes, func(mlswire.CredentialType) bool { return false }),
	}
	return d, nil
}

// A supporter is a client with its capabilities, seen by a group's demands.
type supporter struct {
	*demands
	has *mlswire.Capabilities
}

// demandRules hold for each member of a group.
var demandRules = []rule[supporter]{
	{"11.1", ErrLeafVersion, func(_ *rules, s supporter) bool {
		return slices.Contains(s.has.Versions, s.version) && slices.Contains(s.has.CipherSuites, s.suite)
	}},
	{"13.4", ErrGroupExtension, func(_ *rules, s supporter) bool {
		return includes(s.has.Extensions, s.extensions)
	}},
	{"11.1", ErrRequiredCapabilities, func(_ *rules, s supporter) bool {
		return includes(s.has.Extensions, s.required.ExtensionTypes) &&
			includes(s.has.Proposals, s.required.ProposalTypes) &&
			includes(s.has.Credentials, s.required.CredentialTypes)
	}},
}

// metBy returns the first demand that a client with these capabilities does not meet.
func (d *demands) metBy(has *mlswire.Capabilities) error {
	return judge(nil, demandRules, supporter{d, has})
}
