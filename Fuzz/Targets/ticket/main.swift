import FuzzSupport

// What was sealed in a ticket, or what sealed it.
fuzz(TicketProperties.violation(content:))
