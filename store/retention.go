package store

import "context"

// pruneRuns deletes events whose runs ended long enough ago, with all that belongs
// to them. Reports that were not sent stay to be sent.
func (s *Store) pruneRuns(ctx context.Context, until int64, count *int64) error {
	for last := before; ; {
		var seqs []any
		err := s.reads().each(ctx, func(scan func(...any) error) error {
			err := scan(&last)
			seqs = append(seqs, last)
			return err
		}, "SELECT seq FROM runs WHERE seq > ? AND due IS NULL AND ended < ? ORDER BY seq LIMIT ?", last, until, pruneBatch)
		if err != nil || len(seqs) == 0 {
			return err
		}
		in := list(len(seqs))
		var n int64
		err = s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
			if _, err = t.exec(ctx, "DELETE FROM reports WHERE seq IN "+in+" AND (version = sent_version OR dead <> '')", seqs...); err != nil {
				return err
			}
			n, err = t.exec(ctx, "DELETE FROM events WHERE seq IN "+in, seqs...)
			return err
		})
		if err != nil {
			return err
		}
		*count += n
	}
}
