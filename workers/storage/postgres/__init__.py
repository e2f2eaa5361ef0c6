"""PostgreSQL behind the seam of `workers.storage`: for those who outgrow one machine."""
