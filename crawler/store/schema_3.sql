-- What version 3 added: what a page's links were refused for. Statements only.

ALTER TABLE page ADD COLUMN limits TEXT;    -- reasons and how many links, as "reason<TAB>count" lines; or NULL

CREATE INDEX page_limits ON page (job, round) WHERE limits IS NOT NULL;
