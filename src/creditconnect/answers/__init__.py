"""What the chain lets one answer: is this record genuine, current and entitled; and does the chain's own state add up."""
