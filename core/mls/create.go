package mls

// checkCreate checks a new group as others will, RFC 9420, Sections 7.3 and 11:
// its extensions, and that its creator supports them.
func (c *Client) checkCreate(e *epoch) error {
	r := c.rules(&e.context, e.tree)
	if err := r.groupExtensions(e.context.Extensions, nil); err != nil {
		return err
	}
	d, err := demandsOf(&e.context, e.context.Extensions)
	if err != nil {
		return err
	}
	// What the creator lists as GREASE it does not support, Section 13.5.
	if err := d.metBy(withoutGREASE(&c.leaf.capabilities)); err != nil {
		return err
	}
	return r.members(d)
}
