package media

// RestartMedia mends both peer connections as if they had failed.
func (p *Participant) RestartMedia() {
	p.try(func() {
		p.publish(true)
		p.restartSubscribe()
	})
}
