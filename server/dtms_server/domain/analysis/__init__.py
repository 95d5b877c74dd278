"""What a symbol's closed bars say about its market: read once a bar, the same for either side."""

from dtms_server.domain.analysis.reading import Analysis, NoAnalysis, analyse

__all__ = ["Analysis", "NoAnalysis", "analyse"]
