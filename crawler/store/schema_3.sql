-- What version 3 added: rounds are kept by job, so that a run of some jobs ends nothing for the others; and
-- what a page's links were left out for. Statements only.

-- One row a job: the latest round that it took part in.
CREATE TABLE job_round (
    job   TEXT PRIMARY KEY,
    round INTEGER NOT NULL,  -- shared by jobs that a run of the whole manifest goes on with together
    first INTEGER NOT NULL,  -- the run that the job's part began with; a row of another table belongs to
                             -- it exactly if its run is not below. ``found`` and ``page`` call it round
    over  INTEGER NOT NULL,  -- 1: a run came to its end with the job
    whole INTEGER NOT NULL   -- 1: and had come to each of its tasks
) STRICT, WITHOUT ROWID;

INSERT INTO job_round (job, round, first, over, whole)
WITH latest AS (
    SELECT job, max(run) AS run FROM (SELECT job, run FROM task UNION ALL SELECT job, run FROM begun)
    GROUP BY job
), rounds AS (SELECT round, min(id) AS first, max(complete) AS over FROM run GROUP BY round)
SELECT latest.job, rounds.round, rounds.first, rounds.over, rounds.over
FROM latest JOIN run ON run.id = latest.run JOIN rounds ON rounds.round = run.round;

-- Below zero on the way: a round's old number may be the first run of the one before it.
UPDATE found SET round = -coalesce((SELECT min(id) FROM run WHERE run.round = found.round), round);
UPDATE found SET round = -round;
UPDATE page SET round = coalesce((SELECT min(id) FROM run WHERE run.round = page.round), round);

ALTER TABLE page ADD COLUMN limits TEXT;    -- reasons and how many links, as "reason<TAB>count" lines; or NULL

CREATE INDEX page_limits ON page (job, round) WHERE limits IS NOT NULL;
